"""A cluster of the session that another process owns.

It talks to Flink over REST by itself and asks the owner for everything that concerns processes, through the
:mod:`cluster broker <flink_testbed.flink.cluster_broker>`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.logs import DirectoryLogs
from flink_testbed.flink.processes import ClusterProcesses
from flink_testbed.flink.rest import RestClient
from flink_testbed.flink.rest_keys import RestKeys

_TAIL = 20


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """The facts of a cluster that a client needs (see :class:`FlinkCluster`)."""

    rest_url: str
    directory: Path
    startup_s: float
    flink_version: str
    run_id: str
    shares_files: bool
    worker_python: str
    has_processes: bool


class SharedCluster(FlinkCluster):
    """A cluster that another process of the session owns and ends.

    ``call`` calls a method of the owner's :class:`ClusterBroker`.
    """

    def __init__(self, call: Callable[..., Any], name: str, facts: ClusterFacts) -> None:
        super().__init__(flink_version=facts.flink_version, run_id=facts.run_id, directory=facts.directory)
        self.startup_s = facts.startup_s
        self.shares_files = facts.shares_files
        self.worker_python = facts.worker_python
        self._call = call
        self._name = name
        # The files are on this machine, so logs need no request. Nor may they: an error message may
        # want them while another thread holds the cluster's lock at the owner.
        self._logs = DirectoryLogs(facts.directory)
        keys = RestKeys.of(facts.directory)
        self._rest = RestClient(facts.rest_url, access=keys.access(facts.rest_url) if keys else None)
        self.client_options = keys.options() if keys else {}
        self._rest.tail = lambda: self._logs.tail(_TAIL)
        self._processes = SharedProcesses(self._ask) if facts.has_processes else None

    def _ask(self, operation: str, *arguments: Any) -> Any:
        return self._call("ask", self._name, self._rest.url, operation, *arguments)

    @property
    def rest(self) -> RestClient:
        """A REST client of this process."""
        return self._rest

    @property
    def logs(self) -> DirectoryLogs:
        """The logs in the owner's directory."""
        return self._logs

    @property
    def processes(self) -> SharedProcesses | None:
        """The cluster's processes, which the session's other workers use too."""
        return self._processes

    def require_alive(self) -> None:
        """Raise :class:`HostError` if a process of the cluster has died."""
        self._ask("require_alive")

    def wait_ready(self, timeout_s: float | None = None) -> None:
        """Wait until the slots of all TaskManagers are registered."""
        self._ask("wait_ready", timeout_s)

    def abandon(self, reason: str) -> bool:
        """Let the owner end the cluster."""
        return bool(self._ask("abandon", reason))

    def let_reach(self, port: int) -> None:
        """Make a server on this machine's loopback reachable for jobs."""
        self._ask("let_reach", port)

    def close(self) -> None:
        """Close the connections; the cluster goes on."""
        self.rest.close()


class SharedProcesses(ClusterProcesses):
    """The processes of a shared cluster, operated by requests to the owner."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask

    @property
    def taskmanagers(self) -> list[str]:
        """The names of the TaskManagers that are meant to run, oldest first."""
        return list(self._ask("processes.taskmanagers"))

    @property
    def prometheus(self) -> Mapping[str, str]:
        """The URLs of the Prometheus reporters by the names of the processes."""
        return dict(self._ask("processes.prometheus"))

    def kill_taskmanager(self, name: str = "") -> str:
        """Kill a TaskManager, by default the oldest, and its Python workers; return its name."""
        return str(self._ask("processes.kill_taskmanager", name))

    def add_taskmanager(self) -> str:
        """Start one more TaskManager; return its name before it has registered."""
        return str(self._ask("processes.add_taskmanager"))

    def kill_jobmanager(self) -> None:
        """Kill the JobManager and start another in its place."""
        self._ask("processes.kill_jobmanager")

    def kill_python_workers(self) -> int:
        """Kill the Python workers of all TaskManagers; return the number of processes."""
        return int(self._ask("processes.kill_python_workers"))

    def fill_disk(self, name: str) -> None:
        """Let every write of a process to a file fail."""
        self._ask("processes.fill_disk", name)

    def free_disk(self, name: str) -> None:
        """Let a process write to files again."""
        self._ask("processes.free_disk", name)

    def pause(self, name: str) -> None:
        """Stop a process without ending it."""
        self._ask("processes.pause", name)

    def resume(self, name: str) -> None:
        """Continue a paused process."""
        self._ask("processes.resume", name)
