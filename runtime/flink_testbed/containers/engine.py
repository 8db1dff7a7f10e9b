"""The container engine of this machine.

It is Docker, or another engine with Docker's API, such as Podman. Its address comes from
``DOCKER_HOST``, ``~/.testcontainers.properties`` or the current Docker context. Without any of
these it is Docker's socket, or Podman's if Docker's does not exist.
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

# Limit of one call. Removing a large container on a busy disk is the slowest.
_CALL_S = 60
_ANSWER_S = 10
_DOCKER_SOCKET = Path("/var/run/docker.sock")
_LOCAL = ("", "localhost", "127.0.0.1", "::1")


class ContainerEngine:
    """A reachable engine.

    ``client`` is the Docker SDK's, with a limit on each call; wrap its use in
    :func:`translate_errors`.
    """

    def __init__(self, client: docker.DockerClient, address: str) -> None:
        self.client = client
        self.address = address
        with translate_errors("describe itself"):
            self._info: dict[str, Any] = client.info()

    @property
    def version(self) -> str:
        """The version of the engine."""
        return str(self._info.get("ServerVersion", "unknown"))

    @property
    def user(self) -> str:
        """``uid:gid`` with which a container writes files that belong to this user.

        A rootless engine maps this user to root in the container.
        """
        rootless = any("rootless" in option for option in self._info.get("SecurityOptions") or ())
        return "0:0" if rootless else f"{os.getuid()}:{os.getgid()}"

    @property
    def limits_memory(self) -> bool:
        """True if the engine can limit memory.

        A rootless engine without cgroup delegation cannot.
        """
        return bool(self._info.get("MemoryLimit", True))

    @property
    def limits_processes(self) -> bool:
        """True if the engine can limit the number of processes."""
        return bool(self._info.get("PidsLimit", True))

    def image_id(self, reference: str) -> str | None:
        """Return the id of an image, None if it is missing."""
        import docker.errors

        with translate_errors(f"look for image {reference}"), contextlib.suppress(docker.errors.ImageNotFound):
            return str(self.client.images.get(reference).id)
        return None

    def require_image(self, reference: str, *, progress: Callable[[str], None]) -> str:
        """Return the id of an image; pull it if it is missing.

        An image of Docker Hub is pulled from the mirror of ``TESTCONTAINERS_HUB_IMAGE_NAME_PREFIX``, and then has both
        names.

        Raises :class:`HostError` FA471 if it cannot be pulled.
        """
        import docker.errors
        import requests

        found = self.image_id(reference)
        if found:
            return found
        progress(f"containers: pulling {reference} (once)")
        try:
            # Without a tag or digest the SDK would pull every tag.
            wanted = reference if _is_exact(reference) else f"{reference}:latest"
            image = self.client.images.pull(from_mirror(wanted))
            if from_mirror(wanted) != wanted:
                image.tag(*wanted.rsplit(":", 1))
            return str(image.id)
        except (docker.errors.DockerException, requests.RequestException) as error:
            raise missing_image(reference, _first_line(error)) from error

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


def connect() -> ContainerEngine:
    """Return the engine of this machine.

    Raises :class:`HostError` FA470 if it is unreachable, FA475 if it is on another machine.
    """
    import docker
    import docker.errors
    import requests

    address = engine_address()
    _require_local(address)
    environment = {**os.environ, "DOCKER_HOST": address}
    try:
        # First without the SDK, which leaves its socket open if the connection fails.
        _try_connection(address)
        probe = docker.from_env(environment=environment, timeout=_ANSWER_S)
        probe.close()
        return ContainerEngine(docker.from_env(environment=environment, timeout=_CALL_S), address)
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise HostError(
            Problem(
                "FA470",
                "no container engine answers",
                where=address,
                expected="Docker, or Podman with its socket service",
                seen=_first_line(error),
                next_step="start one, set DOCKER_HOST to its address, or use --flink-tier=embedded, which needs none",
            )
        ) from error


def _try_connection(address: str) -> None:
    """Connect and disconnect; raise ``OSError`` if nothing listens."""
    parts = urlsplit(address)
    if "unix" in parts.scheme:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_ANSWER_S)
            probe.connect(parts.path)
    elif parts.port:
        socket.create_connection((parts.hostname or LOOPBACK, parts.port), timeout=_ANSWER_S).close()


def engine_address() -> str:
    """Return the configured address of the engine, without connecting."""
    from testcontainers.core.docker_client import get_docker_host

    return get_docker_host() or f"unix://{_socket()}"


def _socket() -> Path:
    """Return Docker's socket, or one of Podman's if only that exists."""
    personal = Path(os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}"))
    for candidate in (_DOCKER_SOCKET, personal / "podman" / "podman.sock", Path("/run/podman/podman.sock")):
        if candidate.exists():
            return candidate
    return _DOCKER_SOCKET


def _require_local(address: str) -> None:
    """Raise :class:`HostError` FA475 for another machine's engine.

    It could neither mount the run folder nor publish ports on this machine's loopback.
    """
    parts = urlsplit(address)
    if parts.scheme in ("unix", "http+unix", "npipe") or (parts.hostname or "") in _LOCAL:
        return
    raise HostError(
        Problem(
            "FA475",
            "the container engine is on another machine",
            where=f"{parts.scheme}://{parts.hostname}",
            expected="an engine of this machine, which can mount the run folder and publish ports on loopback",
            seen=f"host {parts.hostname}",
            next_step="unset DOCKER_HOST, or run pytest there; for an existing cluster use --flink-tier=remote",
        )
    )


@contextlib.contextmanager
def translate_errors(what: str) -> Iterator[None]:
    """Turn errors and timeouts of the engine into :class:`HostError` FA473.

    ``what`` completes "the container engine did not". ``NotFound`` passes: callers handle it.
    """
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
                next_step="read the engine's log, and check that its disk is not full",
                detail=str(error)[:4000],
            )
        ) from error


def missing_image(reference: str, reason: str) -> HostError:
    """Return the error for an image that cannot be pulled."""
    return HostError(
        Problem(
            "FA471",
            f"there is no image {reference}",
            expected="an image that the engine has, or can pull",
            seen=reason,
            next_step="load it, or choose another with --flink-base-image, --flink-image or --kafka-image",
        )
    )


def from_mirror(reference: str) -> str:
    """Return the name of an image at the mirror of Docker Hub that testcontainers is configured with, if any.

    Names with a registry, and digests, which cannot get a second name, stay as they are.
    """
    from testcontainers.core.config import testcontainers_config

    first, slash, _ = reference.partition("/")
    has_registry = slash and (first == "localhost" or "." in first or ":" in first)
    return reference if has_registry or "@" in reference else testcontainers_config.hub_image_name_prefix + reference


def _is_exact(reference: str) -> bool:
    return "@" in reference or ":" in reference.rpartition("/")[2] or reference.startswith("sha256:")


def container_log(container: Container, lines: int) -> str:
    """Return the last lines of a container's output.

    Empty if the container is gone.
    """
    import docker.errors

    with contextlib.suppress(docker.errors.NotFound), translate_errors("show a container's log"):
        return bytes(container.logs(tail=lines)).decode("utf-8", "replace")
    return ""


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"[:400]
