"""The handle on a running Flink cluster of any kind."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from flink_testbed.core.problem import HostError, Problem
from flink_testbed.flink.cluster_jobs import ClusterJobs
from flink_testbed.flink.processes import ClusterProcesses
from flink_testbed.ownership.detached import Detachment

if TYPE_CHECKING:
    from flink_testbed.network import Proxy


def cluster_abandoned(reason: str, where: str) -> HostError:
    """Return the error for a cluster that was ended because of one of its jobs."""
    return HostError(
        Problem(
            "FA457",
            f"the cluster was ended during the run: {reason}",
            where=where,
            next_step="run again: the next run gets a new cluster",
        )
    )


class FlinkCluster(ClusterJobs):
    """A running cluster, and its jobs.

    ``run_id`` marks the jobs of this session. ``flink_version`` is the cluster's full version.
    ``directory`` is this session's directory for the cluster: logs, and all files of a launched
    cluster.

    ``shares_files`` is True if the cluster's processes see this machine's files under the same
    paths; otherwise code travels with each job. ``worker_python`` is the interpreter of the Python
    workers if it differs from the job environment's. ``network`` is the name of the container
    network that the cluster's processes share, empty if they run on this machine or elsewhere.
    """

    shares_files = True
    worker_python = ""
    network = ""

    def __init__(self, *, flink_version: str, run_id: str, directory: Path) -> None:
        super().__init__(run_id)
        self.flink_version = flink_version
        self.directory = directory
        self.startup_s = 0.0
        # Flink options and environment variables that a Java client needs besides the address.
        self.client_options: Mapping[str, str] = {}
        self.client_environment: Mapping[str, str] = {}
        self._configuration: Mapping[str, str] | None = None

    @property
    def processes(self) -> ClusterProcesses | None:
        """The processes; None for an external cluster, which may not be broken."""
        return None

    @property
    def rpc_proxy(self) -> Proxy | None:
        """The proxy between TaskManagers and JobManager; None for a cluster without one."""
        return None

    def kill_taskmanager(self) -> str:
        """Kill the oldest TaskManager and return its name.

        Short for ``processes.kill_taskmanager()``.

        Raises :class:`HostError` FA440 for an external cluster.
        """
        return self.require_processes().kill_taskmanager()

    def require_processes(self) -> ClusterProcesses:
        """Return the processes, which may be broken.

        Raises :class:`HostError` FA440 for an external cluster.
        """
        if self.processes is None:
            raise HostError(
                Problem(
                    "FA440",
                    "an external cluster has no process that may be broken",
                    where=self.rest_url,
                    expected="a cluster that this session has started",
                    next_step="use a cluster of the session: --flink-tier=embedded or container",
                )
            )
        return self.processes

    @abstractmethod
    def wait_ready(self, timeout_s: float | None = None) -> None:
        """Wait until REST answers and the slots of all TaskManagers are registered."""

    @abstractmethod
    def close(self) -> None:
        """End the cluster, or only this run's jobs on an external one."""

    def detach(self) -> Detachment | None:
        """Let the cluster outlive this process; :meth:`close` then has nothing to end.

        Returns None, with no effect, for a cluster that this process did not start.
        """
        return None

    def abandon(self, reason: str) -> bool:
        """End a cluster that cannot run further jobs, for all runs that use it.

        From then on :meth:`require_alive` raises :class:`HostError` FA457 with the reason. Returns
        False, with no effect, for an external cluster.
        """
        return False

    def let_reach(self, port: int) -> None:
        """Make a server on this machine's loopback reachable for jobs."""

    def summary(self) -> str:
        """Describe the cluster in one line for the report."""
        return f"Flink {self.flink_version}, ready after {self.startup_s:.1f} s"

    def configuration(self) -> Mapping[str, str]:
        """Return the options that the cluster reports, none if it does not answer.

        A cluster reads its options when it starts, so it is asked until it has answered once. An
        external cluster may refuse to say.
        """
        if self._configuration is None:
            with contextlib.suppress(HostError):
                self._configuration = self.rest.configuration()
        return self._configuration or {}

    def thread_dump(self) -> dict[str, str]:
        """Return the stacks of all threads, by ``jobmanager`` or TaskManager id."""
        return {name: self.rest.threads(path) for name, path in self.rest.process_paths().items()}
