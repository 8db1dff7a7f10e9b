"""Containers and networks that a guard removes once their owner has ended."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from flink_testbed.containers.engine import ContainerEngine, container_log, missing_image, translate_errors
from flink_testbed.containers.spec import LOG_LIMITS, ContainerSpec
from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.ownership.command import Completed
from flink_testbed.ownership.container_owner import ContainerGuard, ContainerOwner
from flink_testbed.ownership.owner import Owner

if TYPE_CHECKING:
    from docker.models.containers import Container

# Asking for a container's state is an HTTP request, and waits ask many times a second.
_STATE_MAX_AGE_S = 0.25
_LOG_LINES = 5000
_KILLED = 137


class OwnedContainers:
    """The containers and networks of one owner at an engine.

    They exist until :meth:`close` or the owner's end. ``sockets`` is a directory with a short path,
    for sockets that containers share with this machine.
    """

    def __init__(self, engine: ContainerEngine, owner: ContainerOwner) -> None:
        self.engine = engine
        self.owner = owner
        self._guard = ContainerGuard(owner, engine.address)
        self.sockets = self._guard.sockets

    def make_network(self, part: str) -> str:
        """Create a network for containers that belong together; return its name."""
        name = self.owner.name_of(part)
        with translate_errors("create a network"):
            self.engine.client.networks.create(name, driver="bridge", labels=self.owner.labels())
        return name

    def remove_network(self, name: str) -> None:
        """Remove a network; containers that have another network go on with that."""
        import docker.errors

        with contextlib.suppress(docker.errors.NotFound), translate_errors("remove a network"):
            network = self.engine.client.networks.get(name)
            for container in network.attrs.get("Containers") or {}:
                network.disconnect(container, force=True)
            network.remove()

    def start(self, spec: ContainerSpec, part: str) -> Container:
        """Start a container, named after ``part``, and return it."""
        from docker.types import LogConfig, Mount
        from testcontainers.core.labels import create_labels

        # With these labels, the reaper of the user's own testcontainers takes the container for one of
        # its session, and removes it too.
        labels = create_labels(spec.image, self.owner.labels())
        arguments = spec.arguments(self.owner.name_of(part), labels)
        if not self.engine.limits_memory:
            arguments = {name: value for name, value in arguments.items() if not name.startswith("mem")}
        if not self.engine.limits_processes:
            arguments.pop("pids_limit", None)
        api = self.engine.client.api
        known_as = {spec.network: api.create_endpoint_config(aliases=[spec.name])} if spec.network != "none" else None
        with _requiring_image(spec.image), translate_errors(f"start {spec.name} of {spec.image}"):
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
        """Run a container to its end and remove it.

        Raises ``WaitTimeoutError`` if it takes longer than ``timeout_s``.
        """
        member = OwnedContainer(self.start(spec, part), spec.name, log=None)
        try:
            code = clock.wait_until(
                lambda: (member.returncode(), "running"),
                what=f"a container of {spec.image} to end",
                timeout_s=timeout_s,
            )
            return Completed(code, container_log(member.container, _LOG_LINES))
        finally:
            member.kill()

    def detach(self) -> tuple[int, Owner]:
        """Give up the containers, so that they outlive this process.

        Returns the descriptor that keeps them alive, and the process of their guard.
        """
        self.engine.close()
        return self._guard.detach()

    def close(self) -> None:
        """Let the guard remove everything, and wait for it."""
        if self._guard.close():
            self.engine.close()


@contextlib.contextmanager
def _requiring_image(reference: str) -> Iterator[None]:
    import docker.errors

    try:
        yield
    except docker.errors.ImageNotFound as error:
        raise missing_image(reference, "the engine has no image of this name") from error


class OwnedContainer:
    """One container, with the interface that clusters expect of a process.

    ``log`` is the file for its output, written when it ends; None to drop the output.
    """

    def __init__(self, container: Container, name: str, *, log: Path | None) -> None:
        self.container = container
        self.name = name
        self._log = log
        self._asked_s = 0.0
        self._code: int | None = None

    def returncode(self) -> int | None:
        """Return the exit code, None while it runs.

        A container that is gone counts as killed (137).
        """
        if self._code is None and clock.now_s() - self._asked_s >= _STATE_MAX_AGE_S:
            self._code = self._exit_code()
            self._asked_s = clock.now_s()
            if self._code is not None:
                self._save_log()
        return self._code

    def _exit_code(self) -> int | None:
        import docker.errors

        try:
            with translate_errors(f"report the state of {self.name}"):
                self.container.reload()
        except docker.errors.NotFound:
            return _KILLED
        state = self.container.attrs["State"]
        return int(state["ExitCode"]) if state["Status"] in ("exited", "dead") else None

    def cap_log(self) -> None:
        """Do nothing: the engine limits the log."""

    def pause(self) -> None:
        """Freeze all its processes."""
        with self._existing("pause"):
            self.container.pause()

    def resume(self) -> None:
        """Continue after :meth:`pause`."""
        with self._existing("resume"):
            self.container.unpause()

    def fill_disk(self) -> None:
        """Raise :class:`HostError` FA440: only processes of this user on this machine are limited."""
        message = "the disk of a container is not filled"
        raise HostError(Problem("FA440", message, where=self.name, next_step="use the embedded tier"))

    def free_disk(self) -> None:
        """Do nothing."""

    def stop(self, grace_s: float) -> None:
        """Send SIGTERM, wait up to ``grace_s`` seconds, then kill it."""
        import docker.errors

        with contextlib.suppress(docker.errors.NotFound), translate_errors(f"stop {self.name}"):
            self.container.stop(timeout=int(grace_s))
        self.kill()

    def kill(self) -> None:
        """Kill it (SIGKILL) and remove it."""
        import docker.errors

        with contextlib.suppress(docker.errors.NotFound), translate_errors(f"remove {self.name}"):
            self._save_log()
            self.container.remove(force=True, v=True)
        self._code = _KILLED if self._code is None else self._code

    def execute(self, command: list[str]) -> None:
        """Start another program in it, and do not wait for its end."""
        with self._existing("run a program in"):
            self.container.exec_run(command, detach=True)

    def kill_programs(self, fragment: str) -> int:
        """Kill the programs in it whose command line has ``fragment``; return their number.

        With SIGKILL; the main program goes on. ``fragment`` has letters, underscores and dots.
        """
        # A dot in brackets, so that the shell's own command line has no such text.
        pattern = fragment.replace(".", "[.]")
        script = (
            f"for p in /proc/[0-9]*; do [ $p = /proc/1 ] || ! grep -q '{pattern}' $p/cmdline 2>/dev/null"
            # A program that has ended meanwhile is no error of the script.
            " || { kill -9 ${p#/proc/} 2>/dev/null && echo ${p#/proc/}; }; done; exit 0"
        )
        with self._existing("kill a program in"):
            code, output = self.container.exec_run(["sh", "-c", script])
        assert isinstance(output, bytes), "the output is not streamed"
        if code:
            seen = f"exit code {code}: {output.decode('utf-8', 'replace').strip()}"
            raise HostError(
                Problem("FA473", f"cannot kill a program in {self.name}", expected="exit code 0", seen=seen)
            )
        return sum(word.isdigit() for word in output.split())

    @contextlib.contextmanager
    def _existing(self, what: str) -> Iterator[None]:
        import docker.errors

        try:
            with translate_errors(f"{what} {self.name}"):
                yield
        except docker.errors.NotFound as error:
            raise HostError(Problem("FA473", f"cannot {what} {self.name}: its container is gone")) from error

    def _save_log(self) -> None:
        if self._log and not self._log.exists():
            self._log.write_text(container_log(self.container, _LOG_LINES), encoding="utf-8")
