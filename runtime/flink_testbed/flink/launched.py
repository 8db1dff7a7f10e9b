"""A cluster that we start ourselves: which processes it has, and what may be done to them.

How a process is started is left to those who know processes or containers (``standalone``, ``containers``).
"""

from __future__ import annotations

import os
import shutil
import threading
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from flink_testbed.core import clock
from flink_testbed.core.ports import LOOPBACK, PortLease
from flink_testbed.core.problem import HostError, Problem, nearest
from flink_testbed.flink import config as flink_config
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.config import Addresses, ClusterConfig
from flink_testbed.flink.rest import RestClient
from flink_testbed.ownership.process import tail

JOBMANAGER, ZOOKEEPER = "jobmanager", "zookeeper"
_TAIL = 20
# What a cluster that has ended leaves nothing in; ``archives`` is where class archives are written.
SCRATCH = ("tmp", "web", "upload", "work", "zookeeper", "recovery", "archives", "plugins")
_KEPT = ("conf", "checkpoints", "savepoints", "log")


class Member(Protocol):
    """One process of the cluster."""

    def returncode(self) -> int | None:
        """Its exit code, None while it runs."""

    def cap_log(self) -> None:
        """Keep what it prints in bounds."""

    def pause(self) -> None:
        """Stop it, with all below it."""

    def resume(self) -> None:
        """Let it go on."""

    def stop(self, grace_s: float) -> None:
        """Ask it to end, then kill it."""

    def kill(self) -> None:
        """End it at once."""


class LaunchedCluster(FlinkCluster):
    """A cluster from :meth:`start` to :meth:`close`. ``directory`` (created) holds all its files.

    A test may end a process in one thread while another waits for its job: who changes takes turns, who looks takes a copy,
    and a process that a test kills is never seen dead.
    """

    def __init__(
        self,
        config: ClusterConfig,
        *,
        flink_version: str,
        run_id: str,
        directory: Path,
        startup_timeout_s: float,
        progress: Callable[[str], None],
    ) -> None:
        super().__init__(flink_version=flink_version, run_id=run_id, directory=directory)
        self.config = config
        self._startup_timeout_s = startup_timeout_s
        self._progress = progress
        self._members: dict[str, Member] = {}
        self._changing = threading.Lock()
        self._taskmanagers_started = 0
        self._reporters: dict[str, PortLease] = {}
        self._rest: RestClient | None = None

    @abstractmethod
    def _prepare(self) -> tuple[Addresses, RestClient]:
        """Lease ports or make a network; returns where the processes will find each other, and where REST will answer."""

    @abstractmethod
    def _launch(self, name: str, main: str, flags: Sequence[str], arguments: Sequence[str]) -> Member:
        """Start one JVM."""

    @abstractmethod
    def _report(self, name: str) -> list[str]:
        """Lease a port for a process's Prometheus reporter; returns the arguments that turn it on, none where it stays off."""

    @abstractmethod
    def _release(self) -> None:
        """Give back what :meth:`_prepare` took."""

    @property
    @abstractmethod
    def _python(self) -> Path:
        """The interpreter of the workers, where they run."""

    @property
    def rest(self) -> RestClient:
        """The REST client of the running cluster."""
        assert self._rest is not None, "the cluster is not started"
        return self._rest

    def start(self) -> None:
        """Start all processes and wait until every slot is registered. On any error nothing stays."""
        started = clock.now_s()
        try:
            for name in (*SCRATCH, *_KEPT):
                (self.directory / name).mkdir(parents=True, exist_ok=True)
            addresses, self._rest = self._prepare()
            self._rest.tail = lambda: self.log_tail(_TAIL)
            self._write_conf(addresses)
            if self.config.high_availability:
                self._members[ZOOKEEPER] = self._launch_zookeeper()
            self._members[JOBMANAGER] = self._launch_jobmanager()
            for _ in range(self.config.taskmanagers):
                self.add_taskmanager()
            self.wait_ready()
        except BaseException:
            self.kill()
            raise
        self.startup_s = clock.now_s() - started

    def _write_conf(self, addresses: Addresses) -> None:
        conf = self.directory / "conf"
        options = flink_config.flink_options(self.config, addresses, directory=self.directory, python=self._python)
        (conf / "config.yaml").write_text(flink_config.options_yaml(options), encoding="utf-8")
        (conf / "log4j2.properties").write_text(flink_config.LOGGING, encoding="utf-8")
        (conf / "zoo.cfg").write_text(flink_config.zookeeper_settings(addresses, self.directory), encoding="utf-8")

    def _launch_jobmanager(self) -> Member:
        flags = self.config.memory.jobmanager_flags()
        arguments = [*self._conf_argument(), *self._report(JOBMANAGER)]
        return self._launch(JOBMANAGER, flink_config.JOBMANAGER_CLASS, flags, arguments)

    def _launch_zookeeper(self) -> Member:
        settings = str(self.directory / "conf" / "zoo.cfg")
        return self._launch(ZOOKEEPER, flink_config.ZOOKEEPER_CLASS, ["-Xmx64m"], [settings])

    def _conf_argument(self) -> list[str]:
        return ["-c", str(self.directory / "conf")]

    def add_taskmanager(self) -> str:
        """Start one more TaskManager; returns its name before it has registered."""
        with self._changing:
            name = f"taskmanager-{self._taskmanagers_started}"
            self._taskmanagers_started += 1
            flags = self.config.memory.taskmanager_flags()
            arguments = [*self._conf_argument(), *self._report(name)]
            self._members[name] = self._launch(name, flink_config.TASKMANAGER_CLASS, flags, arguments)
        return name

    @property
    def taskmanagers(self) -> list[str]:
        """The names of the TaskManagers that are meant to run, oldest first."""
        return [name for name in tuple(self._members) if name.startswith("taskmanager-")]

    @property
    def prometheus(self) -> Mapping[str, str]:
        """Name of each Flink process -> the URL at which its Prometheus reporter is scraped."""
        alive = {name: lease for name, lease in dict(self._reporters).items() if name in self._members}
        return {name: f"http://{LOOPBACK}:{lease.port}/metrics" for name, lease in alive.items()}

    def kill_taskmanager(self) -> str:
        """SIGKILL the oldest TaskManager with all its Python workers; returns its name."""
        with self._changing:
            if not self.taskmanagers:
                raise HostError(
                    Problem("FA440", "there is no TaskManager to kill", next_step="add_taskmanager() adds one")
                )
            name = self.taskmanagers[0]
            self._members.pop(name).kill()
        return name

    def kill_jobmanager(self) -> None:
        """SIGKILL the JobManager and start another in its place."""
        with self._changing:
            self._members.pop(JOBMANAGER).kill()
            self._members[JOBMANAGER] = self._launch_jobmanager()

    def pause(self, name: str) -> None:
        """Stop a process without ending it."""
        self._member(name).pause()

    def resume(self, name: str) -> None:
        """Let a paused process go on."""
        self._member(name).resume()

    def _member(self, name: str) -> Member:
        members = dict(self._members)
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

    def wait_ready(self, timeout_s: float | None = None) -> None:
        """Wait until the slots of the TaskManagers that are meant to be there have all registered."""
        count = len(self.taskmanagers)
        wanted = count * self.config.slots

        def probe() -> tuple[int | None, str]:
            self.require_alive()
            overview = self.rest.overview()
            slots, registered = int(overview["slots-total"]), int(overview["taskmanagers"])
            return (slots if slots >= wanted else None), f"{registered} TaskManagers with {slots} slots"

        self.wait(
            probe,
            what=f"{wanted} slots of {count} TaskManager",
            timeout_s=timeout_s or self._startup_timeout_s,
            code="FA406",
            next_step=f"read the logs in {self.directory}, or allow more time with --flink-startup-timeout",
        )

    def require_alive(self) -> None:
        """Raise :class:`HostError` with the log's end if one of the JVMs has died. Also keeps their output in bounds."""
        for name, member in dict(self._members).items():
            member.cap_log()
            code = member.returncode()
            if code is not None and self._members.get(name) is member:
                raise HostError(
                    Problem(
                        "FA407",
                        f"Flink {name} has died with exit code {code}",
                        where=os.fspath(self.directory / "log"),
                        next_step="the lines below are the end of its log",
                        detail=self.log_tail(25),
                    )
                )

    def logs(self) -> Mapping[str, str]:
        """Name of each log file -> its last 64 KiB."""
        return {path.name: tail(path, 10_000) for path in sorted((self.directory / "log").glob("*"))}

    def log_tail(self, lines: int = 40) -> str:
        """The ends of all logs of the cluster, each under its name."""
        ends = {path.name: tail(path, lines) for path in sorted((self.directory / "log").glob("*"))}
        return "\n".join(f"--- {name}\n{text}" for name, text in ends.items() if text.strip())

    def close(self) -> None:
        """End the cluster."""
        self.kill()

    def kill(self) -> None:
        """End every process at once. Logs, checkpoints and savepoints stay; scratch data goes."""
        with self._changing:
            # Taken out last: one whose end was interrupted is ended by the next attempt.
            for name, member in reversed(tuple(self._members.items())):
                member.kill()
                del self._members[name]
        if self._rest:
            self._rest.close()
        self._release()
        for lease in self._reporters.values():
            lease.release()
        self._reporters = {}
        for name in SCRATCH:
            shutil.rmtree(self.directory / name, ignore_errors=True)
