"""The life of a cluster that this session starts.

Subclasses know how a process is started (``standalone``, ``containers``).
"""

from __future__ import annotations

import os
import shutil
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.flink import config as flink_config
from flink_testbed.flink.cluster import FlinkCluster, cluster_abandoned
from flink_testbed.flink.config import Addresses, ClusterConfig
from flink_testbed.flink.logs import DirectoryLogs
from flink_testbed.flink.processes import LaunchedProcesses, Member
from flink_testbed.flink.rest import RestClient
from flink_testbed.flink.rest_keys import REST_KEYS

_TAIL = 20
# Directories that are removed when the cluster ends; class archives are written to ``archives``.
SCRATCH = ("tmp", "web", "upload", "work", "zookeeper", "recovery", "archives", "plugins", REST_KEYS)
_PERMANENT = ("conf", "checkpoints", "savepoints", "log")


class LaunchedCluster(FlinkCluster):
    """A cluster that runs from :meth:`start` to :meth:`close`.

    ``directory`` is created and holds all its files.
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
        self._processes = LaunchedProcesses(config, directory / "conf", launch=self._launch, report=self._report)
        self._logs = DirectoryLogs(directory)
        self._rest: RestClient | None = None
        # Options beside those of the configuration, known when the cluster starts.
        self._own_options: Mapping[str, str] = {}
        self._abandoned = ""

    @abstractmethod
    def _prepare(self) -> tuple[Addresses, RestClient]:
        """Lease ports or make a network.

        Returns the addresses of the processes and the client of the REST API.
        """

    @abstractmethod
    def _launch(self, name: str, main: str, flags: Sequence[str], arguments: Sequence[str]) -> Member:
        """Start one JVM."""

    @abstractmethod
    def _report(self, name: str) -> list[str]:
        """Return the arguments that turn on a process's Prometheus reporter.

        Leases its port.

        An empty list if the reporter stays off.
        """

    @abstractmethod
    def _release(self) -> None:
        """Release what :meth:`_prepare` took."""

    @property
    @abstractmethod
    def _python(self) -> Path:
        """The interpreter of the Python workers, as the cluster's processes see it."""

    @property
    def rest(self) -> RestClient:
        """The REST client of the running cluster."""
        assert self._rest is not None, "the cluster is not started"
        return self._rest

    @property
    def logs(self) -> DirectoryLogs:
        """The logs in the cluster's directory."""
        return self._logs

    @property
    def processes(self) -> LaunchedProcesses:
        """The cluster's processes."""
        return self._processes

    def start(self) -> None:
        """Start all processes and wait until every slot is registered.

        After an error nothing is left.
        """
        started = clock.now_s()
        try:
            for name in (*SCRATCH, *_PERMANENT):
                (self.directory / name).mkdir(parents=True, exist_ok=True)
            addresses, self._rest = self._prepare()
            self._rest.tail = lambda: self.logs.tail(_TAIL)
            self._write_conf(addresses)
            self.processes.start()
            self.wait_ready()
        except BaseException:
            self.kill()
            raise
        self.startup_s = clock.now_s() - started

    def _write_conf(self, addresses: Addresses) -> None:
        conf = self.directory / "conf"
        options = flink_config.flink_options(self.config, addresses, directory=self.directory, python=self._python)
        (conf / "config.yaml").write_text(flink_config.options_yaml({**options, **self._own_options}), encoding="utf-8")
        (conf / "log4j2.properties").write_text(flink_config.LOGGING, encoding="utf-8")
        (conf / "zoo.cfg").write_text(flink_config.zookeeper_settings(addresses, self.directory), encoding="utf-8")

    def wait_ready(self, timeout_s: float | None = None) -> None:
        """Wait until the slots of all TaskManagers are registered."""
        count = len(self.processes.taskmanagers)
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
        """Raise :class:`HostError` if one of the JVMs has died, or the cluster was abandoned.

        The error shows the end of the logs.

        Also keeps the files of their standard output in bounds.
        """
        if self._abandoned:
            raise cluster_abandoned(self._abandoned, os.fspath(self.directory / "log"))
        dead = self.processes.first_dead()
        if dead:
            name, code = dead
            raise HostError(
                Problem(
                    "FA407",
                    f"Flink {name} has died with exit code {code}",
                    where=os.fspath(self.directory / "log"),
                    next_step="the lines below are the end of its log",
                    detail=self.logs.tail(25),
                )
            )

    def abandon(self, reason: str) -> bool:
        """End every process, and name the reason to all runs that still use the cluster."""
        # First the reason: a run that sees its job fail because of the kill must find it.
        self._abandoned = reason
        self.processes.kill()
        return True

    def close(self) -> None:
        """End the cluster."""
        self.kill()

    def kill(self) -> None:
        """End every process at once and remove scratch data.

        Logs, checkpoints and savepoints stay.
        """
        self.processes.kill()
        if self._rest:
            self._rest.close()
        self._release()
        for name in SCRATCH:
            shutil.rmtree(self.directory / name, ignore_errors=True)
