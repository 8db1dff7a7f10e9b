"""Everything one owner has at an engine, under a guard: containers and networks that end with it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from flink_testbed.containers.engine import ContainerEngine, container_log, missing_image, told
from flink_testbed.containers.owner import OWNER, ContainerOwner
from flink_testbed.containers.spec import LOG_LIMITS, ContainerSpec
from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.ownership.owner import Owner, owner_of
from flink_testbed.ownership.process import Completed, clean_environment

if TYPE_CHECKING:
    from docker.models.containers import Container

_GUARD = Path(__file__).with_name("container_guard.py")
_GUARD_ENDS_S = 70.0
# A container's state is asked for over HTTP: often enough for a wait, and no more.
_LOOK_S = 0.25
_KEPT_LINES = 5000


class OwnedContainers:
    """What ``owner`` has at ``engine``, until :meth:`close` or the owner's end.

    ``sockets`` is a short-lived directory with a short path, for sockets that containers share with this machine.
    """

    def __init__(self, engine: ContainerEngine, owner: ContainerOwner) -> None:
        self.engine = engine
        self.owner = owner
        self.sockets = Path(tempfile.mkdtemp(prefix="flink-agents-"))
        owner_read, self._owner_write = os.pipe()
        docker_settings = {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")}
        given = [str(owner_read), engine.address, f"{OWNER}={owner.token}", str(self.sockets)]
        self._guard = subprocess.Popen(
            [sys.executable, "-I", str(_GUARD), *given, *filter(None, sys.path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=clean_environment(**docker_settings),
            pass_fds=(owner_read,),
            start_new_session=True,
        )
        os.close(owner_read)

    def make_network(self, part: str) -> str:
        """Make a network for containers that belong together; returns its name."""
        name = self.owner.name_of(part)
        with told("make a network"):
            self.engine.client.networks.create(name, driver="bridge", labels=self.owner.labels())
        return name

    def remove_network(self, name: str) -> None:
        """Remove a network; containers that are on others, too, go on without it."""
        import docker.errors

        with contextlib.suppress(docker.errors.NotFound), told("remove a network"):
            network = self.engine.client.networks.get(name)
            for container in network.attrs.get("Containers") or {}:
                network.disconnect(container, force=True)
            network.remove()

    def start(self, spec: ContainerSpec, part: str) -> Container:
        """Start a container; ``part`` is its name among the owner's."""
        from docker.types import LogConfig, Mount
        from testcontainers.core.labels import create_labels

        # With their labels, the reaper of a user's own testcontainers knows ours as the session's too.
        labels = create_labels(spec.image, self.owner.labels())
        arguments = spec.arguments(self.owner.name_of(part), labels)
        if not self.engine.limits_memory:
            arguments = {name: value for name, value in arguments.items() if not name.startswith("mem")}
        if not self.engine.limits_processes:
            arguments.pop("pids_limit", None)
        api = self.engine.client.api
        known_as = {spec.network: api.create_endpoint_config(aliases=[spec.name])} if spec.network != "none" else None
        with _image_wanted(spec.image), told(f"start {spec.name} of {spec.image}"):
            container = self.engine.client.containers.create(
                **arguments,
                mounts=[Mount(type="bind", **mount) for mount in spec.mounts()],
                log_config=LogConfig(type=LogConfig.types.JSON, config=LOG_LIMITS),
                network=spec.network,
                networking_config=known_as,
            )
            container.start()
        return container

    def run(self, spec: ContainerSpec, part: str, *, timeout_s: float) -> Completed:
        """Run a container to its end, and remove it."""
        member = OwnedContainer(self.start(spec, part), spec.name, log=None)
        try:
            code = clock.wait_until(
                lambda: (member.returncode(), "running"),
                what=f"a container of {spec.image} to end",
                timeout_s=timeout_s,
            )
            return Completed(code, container_log(member.container, _KEPT_LINES))
        finally:
            member.kill()

    def hand_over(self) -> tuple[int, Owner]:
        """Our end of the guard's pipe, for another process to hold, and the guard: everything here lives as long as that."""
        pipe, self._owner_write = self._owner_write, -1
        guard = owner_of(self._guard.pid)
        os.write(pipe, b"k")
        self._guard.returncode = 0  # not ours to wait for
        self.engine.close()
        return pipe, guard

    def close(self) -> None:
        """Let the guard remove whatever is left, and see it done."""
        if self._owner_write >= 0:
            os.close(self._owner_write)
            self._owner_write = -1
            try:
                self._guard.wait(_GUARD_ENDS_S)
            except subprocess.TimeoutExpired:
                self._guard.kill()
                self._guard.wait()
            shutil.rmtree(self.sockets, ignore_errors=True)
            self.engine.close()


@contextlib.contextmanager
def _image_wanted(reference: str) -> Iterator[None]:
    import docker.errors

    try:
        yield
    except docker.errors.ImageNotFound as error:
        raise missing_image(reference, "the engine has none of that name") from error


class OwnedContainer:
    """One of our containers, as a member of a cluster. ``log`` takes what it has printed when it ends, None to drop that."""

    def __init__(self, container: Container, name: str, *, log: Path | None) -> None:
        self.container = container
        self.name = name
        self._log = log
        self._looked_s = 0.0
        self._code: int | None = None

    def returncode(self) -> int | None:
        """The exit code of its program, None while it runs. A container that is gone was killed (137)."""
        if self._code is None and clock.now_s() - self._looked_s >= _LOOK_S:
            self._code = self._look()
            self._looked_s = clock.now_s()
            if self._code is not None:
                self._keep_log()
        return self._code

    def _look(self) -> int | None:
        import docker.errors

        try:
            with told(f"tell the state of {self.name}"):
                self.container.reload()
        except docker.errors.NotFound:
            return 137
        state = self.container.attrs["State"]
        return int(state["ExitCode"]) if state["Status"] in ("exited", "dead") else None

    def cap_log(self) -> None:
        """The engine keeps what it prints in bounds."""

    def pause(self) -> None:
        """Stop all its processes (the engine freezes them)."""
        with self._there("pause"):
            self.container.pause()

    def resume(self) -> None:
        """Let them go on."""
        with self._there("resume"):
            self.container.unpause()

    def stop(self, grace_s: float) -> None:
        """Ask its program to end, then kill it."""
        import docker.errors

        with contextlib.suppress(docker.errors.NotFound), told(f"stop {self.name}"):
            self.container.stop(timeout=int(grace_s))
        self.kill()

    def kill(self) -> None:
        """End it at once (SIGKILL), and remove it."""
        import docker.errors

        with contextlib.suppress(docker.errors.NotFound), told(f"remove {self.name}"):
            self._keep_log()
            self.container.remove(force=True, v=True)
        self._code = 137 if self._code is None else self._code

    def execute(self, command: list[str]) -> None:
        """Start one more program in it, and leave it running."""
        with self._there("run a program in"):
            self.container.exec_run(command, detach=True)

    @contextlib.contextmanager
    def _there(self, what: str) -> Iterator[None]:
        import docker.errors

        try:
            with told(f"{what} {self.name}"):
                yield
        except docker.errors.NotFound as error:
            raise HostError(Problem("FA473", f"cannot {what} {self.name}: its container is gone")) from error

    def _keep_log(self) -> None:
        if self._log and not self._log.exists():
            self._log.write_text(container_log(self.container, _KEPT_LINES), encoding="utf-8")
