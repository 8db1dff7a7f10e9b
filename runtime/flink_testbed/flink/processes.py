"""The processes of a launched cluster: list, add, pause and kill them."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from flink_testbed.core.ports import LOOPBACK, PortLease
from flink_testbed.core.problem import HostError, Problem, nearest
from flink_testbed.flink import jvm
from flink_testbed.flink.config import ClusterConfig

JOBMANAGER, ZOOKEEPER = "jobmanager", "zookeeper"
# The module of PyFlink's worker process and of its launcher.
_PYTHON_WORKER = "pyflink.fn_execution.beam"


class ClusterProcesses(ABC):
    """The operations on the processes of a cluster.

    ``FlinkCluster.processes`` is None for an external cluster: nothing of it may be broken.
    """

    @property
    @abstractmethod
    def taskmanagers(self) -> list[str]:
        """The names of the TaskManagers that are meant to run, oldest first."""

    @property
    @abstractmethod
    def prometheus(self) -> Mapping[str, str]:
        """The URLs of the Prometheus reporters by the names of the processes."""

    @abstractmethod
    def kill_taskmanager(self, name: str = "") -> str:
        """Kill a TaskManager, by default the oldest, and its Python workers; return its name.

        With SIGKILL, so Flink has to notice the loss by itself. Raises :class:`HostError` FA440 if
        no such TaskManager runs.
        """

    @abstractmethod
    def add_taskmanager(self) -> str:
        """Start one more TaskManager; return its name.

        Returns before it has registered; ``FlinkCluster.wait_ready`` waits for that.
        """

    @abstractmethod
    def kill_jobmanager(self) -> None:
        """Kill the JobManager and start another in its place.

        Returns before the new one answers; ``FlinkCluster.wait_ready`` waits for that. Running jobs
        survive only in a cluster that was started with ``high_availability``.
        """

    @abstractmethod
    def kill_python_workers(self) -> int:
        """Kill the Python workers of all TaskManagers; return the number of processes.

        With SIGKILL; their TaskManagers go on. Zero in thread mode, which has no such processes, and
        before a job has started them.
        """

    @abstractmethod
    def fill_disk(self, name: str) -> None:
        """Let every write of a process and its Python workers to a file fail.

        ``name`` is ``jobmanager`` or the name of a TaskManager. Raises :class:`HostError` FA440 in
        containers.
        """

    @abstractmethod
    def free_disk(self, name: str) -> None:
        """Let a process and its Python workers write to files again."""

    @abstractmethod
    def pause(self, name: str) -> None:
        """Stop a process without ending it.

        It keeps its sockets and answers nothing.

        ``name`` is ``jobmanager`` or the name of a TaskManager.
        """

    @abstractmethod
    def resume(self, name: str) -> None:
        """Continue a paused process."""


class Member(Protocol):
    """One process of the cluster: an operating system process or a container."""

    def returncode(self) -> int | None:
        """Return the exit code, None while the process runs."""

    def cap_log(self) -> None:
        """Truncate the file of its output if it is too long."""

    def fill_disk(self) -> None:
        """Let every write of the process and its children to a file fail."""

    def free_disk(self) -> None:
        """Let them write to files again."""

    def pause(self) -> None:
        """Stop the process and its children."""

    def resume(self) -> None:
        """Continue the process and its children."""

    def stop(self, grace_s: float) -> None:
        """Ask the process to end, and kill it after ``grace_s`` seconds."""

    def kill(self) -> None:
        """End the process at once."""

    def kill_programs(self, fragment: str) -> int:
        """Kill what it has started and has ``fragment`` in its command line; return the number."""


class LaunchedProcesses(ClusterProcesses):
    """The processes of one launched cluster, from its start to its end.

    ``launch(name, main class, JVM flags, arguments)`` starts a JVM; ``report(name)`` leases a port
    in :attr:`reporters` and returns the arguments that turn on the Prometheus reporter, none if it
    stays off.

    Threads: a test kills or adds processes in one thread while another waits for a job and looks at
    all of them. Changes take ``_changing``; readers work on a copy. A process is removed from
    ``members`` before it is killed, so that no reader takes it for one that died by itself.
    """

    def __init__(
        self,
        config: ClusterConfig,
        conf: Path,
        *,
        launch: Callable[[str, str, Sequence[str], Sequence[str]], Member],
        report: Callable[[str], list[str]],
    ) -> None:
        self.members: dict[str, Member] = {}
        self.reporters: dict[str, PortLease] = {}
        self._config = config
        self._conf = conf
        self._launch = launch
        self._report = report
        self._changing = threading.Lock()
        self._taskmanagers_started = 0

    def start(self) -> None:
        """Start every process of the configuration without waiting for them."""
        if self._config.high_availability:
            settings = str(self._conf / "zoo.cfg")
            self.members[ZOOKEEPER] = self._launch(ZOOKEEPER, jvm.ZOOKEEPER_CLASS, ["-Xmx64m"], [settings])
        self.members[JOBMANAGER] = self._launch_jobmanager()
        for _ in range(self._config.taskmanagers):
            self.add_taskmanager()

    def _launch_jobmanager(self) -> Member:
        flags = self._config.memory.jobmanager_flags()
        arguments = ["-c", str(self._conf), *self._report(JOBMANAGER)]
        return self._launch(JOBMANAGER, jvm.JOBMANAGER_CLASS, flags, arguments)

    @property
    def taskmanagers(self) -> list[str]:
        """The names of the TaskManagers that are meant to run, oldest first."""
        return [name for name in tuple(self.members) if name.startswith("taskmanager-")]

    @property
    def prometheus(self) -> Mapping[str, str]:
        """The URLs of the Prometheus reporters by the names of the processes."""
        alive = {name: lease for name, lease in dict(self.reporters).items() if name in self.members}
        return {name: f"http://{LOOPBACK}:{lease.port}/metrics" for name, lease in alive.items()}

    def add_taskmanager(self) -> str:
        """Start one more TaskManager; return its name before it has registered."""
        with self._changing:
            name = f"taskmanager-{self._taskmanagers_started}"
            self._taskmanagers_started += 1
            flags = self._config.memory.taskmanager_flags()
            # By its id Flink says which TaskManager runs a task.
            arguments = ["-c", str(self._conf), "-D", f"taskmanager.resource-id={name}", *self._report(name)]
            self.members[name] = self._launch(name, jvm.TASKMANAGER_CLASS, flags, arguments)
        return name

    def kill_taskmanager(self, name: str = "") -> str:
        """Kill a TaskManager, by default the oldest, and its Python workers; return its name."""
        with self._changing:
            if not self.taskmanagers:
                raise HostError(
                    Problem(
                        "FA440",
                        "the cluster has no TaskManager to kill",
                        next_step="start one first: processes.add_taskmanager()",
                    )
                )
            name = name or self.taskmanagers[0]
            self._member(name)
            self.members.pop(name).kill()
        return name

    def kill_jobmanager(self) -> None:
        """Kill the JobManager and start another in its place."""
        with self._changing:
            self.members.pop(JOBMANAGER).kill()
            self.members[JOBMANAGER] = self._launch_jobmanager()

    def kill_python_workers(self) -> int:
        """Kill the Python workers of all TaskManagers; return the number of processes."""
        members = dict(self.members)
        return sum(members[name].kill_programs(_PYTHON_WORKER) for name in self.taskmanagers if name in members)

    def fill_disk(self, name: str) -> None:
        """Let every write of a process and its Python workers to a file fail."""
        self._member(name).fill_disk()

    def free_disk(self, name: str) -> None:
        """Let a process and its Python workers write to files again."""
        self._member(name).free_disk()

    def pause(self, name: str) -> None:
        """Stop a process without ending it."""
        self._member(name).pause()

    def resume(self, name: str) -> None:
        """Continue a paused process."""
        self._member(name).resume()

    def _member(self, name: str) -> Member:
        members = dict(self.members)
        if name in members:
            return members[name]
        near = nearest(name, members)
        raise HostError(
            Problem(
                "FA440",
                "the cluster has no such process",
                expected=" or ".join(members),
                seen=name,
                next_step=f"did you mean {near}?" if near else "",
            )
        )

    def first_dead(self) -> tuple[str, int] | None:
        """Return name and exit code of a process that died by itself.

        None if all run. Also keeps the files of their standard output in bounds.
        """
        for name, member in dict(self.members).items():
            member.cap_log()
            code = member.returncode()
            # Another thread may have killed or replaced the process since the copy was made.
            if code is not None and self.members.get(name) is member:
                return name, code
        return None

    def kill(self) -> None:
        """End every process at once, and release the ports of the reporters."""
        with self._changing:
            for name, member in reversed(tuple(self.members.items())):
                # Removed only after the kill: if that is interrupted, the next call tries again.
                member.kill()
                del self.members[name]
        for lease in self.reporters.values():
            lease.release()
        self.reporters = {}

    def detach(self) -> None:
        """Forget every process without ending it."""
        self.members, self.reporters = {}, {}
