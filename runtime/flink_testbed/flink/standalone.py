"""An embedded Flink: JobManager and TaskManager JVMs started directly from the apache-flink packages of a job environment.

No start scripts (each of them starts JVMs of its own to parse the configuration), no Docker, no root. Everything is
loopback, below one directory, under a guard.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from flink_testbed.core import clock
from flink_testbed.core.ports import LOOPBACK, PortLease, lease_port
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.core.process import GuardedProcess, clean_environment, tail
from flink_testbed.flink import config as flink_config
from flink_testbed.flink.class_archive import ClassArchive
from flink_testbed.flink.config import ClusterConfig
from flink_testbed.flink.rest import RestClient, RestUnavailableError

MEMORY_NEEDED_MIB = 1200


@dataclass(frozen=True, slots=True)
class FlinkHome:
    """Where a cluster's programs are: the ``pyflink`` package, Java, and the Python of the job environment.

    ``python_path`` is what the workers' interpreters import from, first entry first.
    """

    flink_home: Path
    flink_version: str
    java: Path
    java_version: str
    python: Path
    python_path: tuple[Path, ...]


class StandaloneCluster:
    """One cluster, from :meth:`start` to :meth:`stop`.

    ``directory`` (created) holds all its files; ``ports`` is the machine-wide directory of port leases; ``archives``
    the directory of class archives, or None to start without.
    """

    def __init__(
        self,
        home: FlinkHome,
        config: ClusterConfig,
        *,
        directory: Path,
        ports: Path,
        archives: Path | None,
        startup_timeout_s: float,
        environment: Mapping[str, str],
        progress: Callable[[str], None],
    ) -> None:
        self.home = home
        self.config = config
        self.directory = directory
        self.startup_s = 0.0
        self._ports = ports
        self._classes = [
            *sorted((home.flink_home / "lib").glob("*.jar")),
            *sorted((home.flink_home / "opt").glob("flink-python-*.jar")),
            *config.classes,
        ]
        self._archive = (
            ClassArchive(archives, directory / "archives", classes=self._classes, java_version=home.java_version)
            if archives
            else None
        )
        self._startup_timeout_s = startup_timeout_s
        self._environment = environment
        self._progress = progress
        self._leases: list[PortLease] = []
        self._jobmanager: GuardedProcess | None = None
        self._taskmanagers: list[GuardedProcess] = []
        self._taskmanagers_started = 0
        self._rest: RestClient | None = None

    @property
    def rest(self) -> RestClient:
        """The REST client of the running cluster."""
        assert self._rest is not None, "the cluster is not started"
        return self._rest

    @property
    def rest_url(self) -> str:
        """Where REST and the web UI answer."""
        return self.rest.url

    def start(self) -> None:
        """Start both JVMs and wait until every slot is registered. On any error nothing stays."""
        started = clock.now_s()
        self._progress(
            f"Flink {self.home.flink_version}: starting 1 JobManager, {self.config.taskmanagers} TaskManager (about 3 s)"
        )
        require_memory(MEMORY_NEEDED_MIB)
        try:
            self._prepare()
            self._jobmanager = self._java(
                flink_config.JOBMANAGER_CLASS, "jobmanager", self.config.memory.jobmanager_flags()
            )
            for _ in range(self.config.taskmanagers):
                self._start_taskmanager()
            self._wait_for_slots()
        except BaseException:
            self.kill()
            raise
        self.startup_s = clock.now_s() - started

    def _start_taskmanager(self) -> None:
        name = f"taskmanager-{self._taskmanagers_started}"
        self._taskmanagers_started += 1
        self._taskmanagers.append(
            self._java(flink_config.TASKMANAGER_CLASS, name, self.config.memory.taskmanager_flags())
        )

    def _wait_for_slots(self) -> None:
        """Wait until the TaskManagers that are meant to be there have all registered."""
        wanted = len(self._taskmanagers) * self.config.slots
        clock.wait_until(
            lambda: self._slots(wanted),
            what=f"{wanted} slots of {len(self._taskmanagers)} TaskManager at {self.rest_url}",
            timeout_s=self._startup_timeout_s,
            code="FA406",
            next_step=f"read the logs in {self.directory}, or allow more time with --flink-startup-timeout",
            detail=lambda: self.log_tail(20),
        )

    def kill_taskmanager(self) -> None:
        """SIGKILL the oldest TaskManager with all its Python workers. Flink finds out by itself, a few seconds later."""
        self._taskmanagers.pop(0).kill()

    def add_taskmanager(self) -> None:
        """Start one more TaskManager; returns before it has registered."""
        self._start_taskmanager()

    def _prepare(self) -> None:
        for name in ("conf", "tmp", "web", "upload", "work", "checkpoints", "savepoints", "log"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        self._leases = [lease_port(self._ports), lease_port(self._ports)]
        rest_port, rpc_port = (lease.port for lease in self._leases)
        options = flink_config.flink_options(
            self.config, directory=self.directory, rest_port=rest_port, rpc_port=rpc_port, python=self.home.python
        )
        (self.directory / "conf" / "config.yaml").write_text(flink_config.options_yaml(options), encoding="utf-8")
        (self.directory / "conf" / "log4j2.properties").write_text(flink_config.LOGGING, encoding="utf-8")
        self._rest = RestClient(f"http://{LOOPBACK}:{rest_port}")

    def _java(self, main: str, name: str, flags: list[str]) -> GuardedProcess:
        role = name.partition("-")[0]
        archive_flags = self._archive.flags(role) if self._archive else []
        return GuardedProcess(
            flink_config.java_command(
                self.home.java,
                classes=self._classes,
                main=main,
                # Programs that are killed leave temporary files; here they go with the directory.
                flags=[*flags, *self.config.java_flags, *archive_flags, f"-Djava.io.tmpdir={self.directory / 'tmp'}"],
                config_dir=self.directory / "conf",
                log=self.directory / "log" / f"{name}.log",
            ),
            name=f"Flink {name}",
            log=self.directory / "log" / f"{name}.out",
            cwd=self.directory,
            env=clean_environment(
                **self._environment,
                PYTHONPATH=os.pathsep.join(map(str, self.home.python_path)),
                FLINK_CONF_DIR=str(self.directory / "conf"),
                # PyFlink's process-mode workers are found through these two.
                FLINK_HOME=str(self.home.flink_home),
                _PYTHON_WORKING_DIR=str(self.directory / "tmp"),
            ),
        )

    def _slots(self, wanted: int) -> tuple[int | None, str]:
        self.require_alive()
        try:
            overview = self.rest.overview()
        except RestUnavailableError as error:
            return None, str(error.problems[0].seen or "no answer")
        slots = int(overview["slots-total"])
        return (slots if slots >= wanted else None), f"{overview['taskmanagers']} TaskManagers with {slots} slots"

    def require_alive(self) -> None:
        """Raise :class:`HostError` with the log's end if one of the JVMs has died. Also keeps their output in bounds."""
        for process in self._processes():
            process.cap_log()
            code = process.returncode()
            if code is not None:
                raise HostError(
                    Problem(
                        "FA407",
                        f"{process.name} has died with exit code {code}",
                        where=os.fspath(process.log),
                        next_step="the lines below are the end of its log",
                        detail=self.log_tail(25),
                    )
                )

    def _processes(self) -> list[GuardedProcess]:
        return [process for process in (self._jobmanager, *self._taskmanagers) if process]

    def log_tail(self, lines: int = 40) -> str:
        """The ends of all logs of the cluster, each under its name."""
        parts = []
        for path in sorted((self.directory / "log").glob("*")):
            text = tail(path, lines)
            if text.strip():
                parts.append(f"--- {path.name}\n{text}")
        return "\n".join(parts)

    def resident_bytes(self) -> int:
        """Resident memory of all processes of the cluster, guards and Python workers included."""
        return sum(process.resident_bytes() for process in self._processes())

    def listening(self) -> list[tuple[str, int]]:
        """Every listening socket of the cluster's processes: address and port."""
        found = []
        for process in self._processes():
            for member in process.tree():
                connections = member.net_connections(kind="inet")
                found += [(c.laddr.ip, c.laddr.port) for c in connections if c.status == psutil.CONN_LISTEN]
        return found

    def stop(self) -> None:
        """End the cluster in order; the first cluster of its kind leaves its class archives behind."""
        if self._archive and self._archive.recording:
            self._progress("Flink: writing class archives, so that the next start is faster (once, about 4 s)")
            for process in reversed(self._processes()):
                process.stop(grace_s=20)
            self._archive.publish()
        self.kill()

    def kill(self) -> None:
        """End every process at once and give back the ports. Logs stay; scratch data goes."""
        for process in reversed(self._processes()):
            process.kill()
        self._jobmanager, self._taskmanagers = None, []
        if self._rest:
            self._rest.close()
        for lease in self._leases:
            lease.release()
        self._leases = []
        for name in ("tmp", "web", "upload", "work", "archives"):
            shutil.rmtree(self.directory / name, ignore_errors=True)


def require_memory(needed_mib: int) -> None:
    """Raise :class:`HostError` unless that much memory (MiB) is available: a JVM killed half-way tells nobody why."""
    available_mib = psutil.virtual_memory().available // (1024 * 1024)
    if available_mib < needed_mib:
        raise HostError(
            Problem(
                "FA408",
                "not enough free memory for a Flink cluster",
                expected=f"{needed_mib} MiB available",
                seen=f"{available_mib} MiB available",
                next_step="end other programs, or run only the local tier: --flink-tier=local",
            )
        )
