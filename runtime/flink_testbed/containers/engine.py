"""The container engine of this machine: Docker, or whatever answers its interface, Podman for one.

Where it answers is told as everywhere: ``DOCKER_HOST``, ``~/.testcontainers.properties``, the chosen Docker context. Without
any of these a socket of Podman's is taken where Docker's is missing.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flink_testbed.core.ports import LOOPBACK
from flink_testbed.core.problem import HostError, Problem

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

# One call. Removing a big container on a busy disk is the slowest.
_CALL_S = 60
_ANSWER_S = 10
_DOCKER_SOCKET = Path("/var/run/docker.sock")
_LOCAL = ("", "localhost", "127.0.0.1", "::1")


class ContainerEngine:
    """An engine that has answered. ``client`` is the Docker SDK's; each call of it is bounded, and told by :func:`told`."""

    def __init__(self, client: docker.DockerClient, address: str) -> None:
        self.client = client
        self.address = address
        with translate_errors("ask the engine what it is"):
            self._info: dict[str, Any] = client.info()

    @property
    def version(self) -> str:
        """Its own version."""
        return str(self._info.get("ServerVersion", "unknown"))

    @property
    def user(self) -> str:
        """``uid:gid`` for containers whose files are to be ours. To a rootless engine we are its root."""
        rootless = any("rootless" in option for option in self._info.get("SecurityOptions") or ())
        return "0:0" if rootless else f"{os.getuid()}:{os.getgid()}"

    @property
    def limits_memory(self) -> bool:
        """Whether it can limit memory: a rootless one without cgroup delegation cannot."""
        return bool(self._info.get("MemoryLimit", True))

    @property
    def limits_processes(self) -> bool:
        """Whether it can limit how many processes there are."""
        return bool(self._info.get("PidsLimit", True))

    def image_id(self, reference: str) -> str | None:
        """The id of an image that the engine has, None where it has none of that name."""
        import docker.errors

        with translate_errors(f"look for image {reference}"), contextlib.suppress(docker.errors.ImageNotFound):
            return str(self.client.images.get(reference).id)
        return None

    def require_image(self, reference: str, *, progress: Callable[[str], None]) -> str:
        """The id of an image, pulled now if the engine has it not. Raises :class:`HostError` FA471 where it cannot be had."""
        import docker.errors
        import requests

        found = self.image_id(reference)
        if found:
            return found
        progress(f"containers: pulling {reference} (once)")
        try:
            # With a tag or digest it is one image; without, the SDK would fetch every tag.
            return str(self.client.images.pull(reference if _is_exact(reference) else f"{reference}:latest").id)
        except (docker.errors.DockerException, requests.RequestException) as error:
            raise missing_image(reference, _first_line(error)) from error

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


def connect() -> ContainerEngine:
    """The engine, once it has answered. Raises :class:`HostError` FA470 where none does, FA475 where it is elsewhere."""
    import docker
    import docker.errors
    import requests

    address = engine_address()
    _require_local(address)
    environment = {**os.environ, "DOCKER_HOST": address}
    try:
        # By hand first: the SDK leaves the socket open that found nobody.
        _knock(address)
        hasty = docker.from_env(environment=environment, timeout=_ANSWER_S)
        hasty.close()
        return ContainerEngine(docker.from_env(environment=environment, timeout=_CALL_S), address)
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise HostError(
            Problem(
                "FA470",
                "no container engine answers",
                where=address,
                expected="Docker, or Podman with its socket service",
                seen=_first_line(error),
                next_step="start one, or name its address in DOCKER_HOST; without one: --flink-tier=embedded",
            )
        ) from error


def _knock(address: str) -> None:
    """Connect once, and hang up. Raises ``OSError`` where nobody listens."""
    parts = urlsplit(address)
    if "unix" in parts.scheme:
        with socket.socket(socket.AF_UNIX) as knock:
            knock.settimeout(_ANSWER_S)
            knock.connect(parts.path)
    elif parts.port:
        socket.create_connection((parts.hostname or LOOPBACK, parts.port), timeout=_ANSWER_S).close()


def engine_address() -> str:
    """Where the engine is said to be: nothing is asked."""
    from testcontainers.core.docker_client import get_docker_host

    return get_docker_host() or f"unix://{_socket()}"


def _socket() -> Path:
    """Docker's socket, or one of Podman's where only that is there."""
    personal = Path(os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}"))
    for candidate in (_DOCKER_SOCKET, personal / "podman" / "podman.sock", Path("/run/podman/podman.sock")):
        if candidate.exists():
            return candidate
    return _DOCKER_SOCKET


def _require_local(address: str) -> None:
    """The run folder is mounted, and ports are published on loopback: neither reaches another machine's engine."""
    parts = urlsplit(address)
    if parts.scheme in ("unix", "http+unix", "npipe") or (parts.hostname or "") in _LOCAL:
        return
    raise HostError(
        Problem(
            "FA475",
            "the container engine is on another machine",
            where=f"{parts.scheme}://{parts.hostname}",
            expected="an engine of this machine: it mounts the run folder and publishes on this machine's loopback",
            seen=f"host {parts.hostname}",
            next_step="unset DOCKER_HOST, or run pytest there; for a cluster elsewhere: --flink-tier=remote",
        )
    )


@contextlib.contextmanager
def translate_errors(what: str) -> Iterator[None]:
    """Turn an engine's refusal or silence into :class:`HostError` FA473. That something is not there stays what it is."""
    import docker.errors
    import requests

    try:
        yield
    except docker.errors.NotFound:
        raise
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise HostError(
            Problem(
                "FA473",
                f"the container engine did not {what}",
                seen=_first_line(error),
                next_step="look at the engine's log; is its disk full?",
                detail=str(error)[:4000],
            )
        ) from error


def missing_image(reference: str, reason: str) -> HostError:
    """An image that cannot be had."""
    return HostError(
        Problem(
            "FA471",
            f"there is no image {reference}",
            expected="an image that the engine has, or can pull",
            seen=reason,
            next_step="load it, or name another with --flink-base-image, --flink-image or --kafka-image",
        )
    )


def _is_exact(reference: str) -> bool:
    return "@" in reference or ":" in reference.rpartition("/")[2] or reference.startswith("sha256:")


def container_log(container: Container, lines: int) -> str:
    """The end of what a container has printed; empty where it is gone."""
    import docker.errors

    with contextlib.suppress(docker.errors.NotFound), translate_errors("show a container's log"):
        return bytes(container.logs(tail=lines)).decode("utf-8", "replace")
    return ""


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"[:400]
