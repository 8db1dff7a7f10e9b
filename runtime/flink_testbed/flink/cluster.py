"""The handle on a running Flink cluster of any kind.

Everything in :class:`FlinkCluster` itself goes over Flink's REST API. Each operation has a
deadline; the error at the deadline names the condition, the last state seen and the ends of the
logs.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem, WaitTimeoutError
from flink_testbed.flink.job_owner import OWNER_PARAMETER, owner_options
from flink_testbed.flink.logs import ClusterLogs
from flink_testbed.flink.processes import ClusterProcesses
from flink_testbed.flink.rest import TERMINAL_STATES, Job, RestClient
from flink_testbed.flink.rest_connection import RestUnavailableError
from flink_testbed.ownership.detached import Detachment

if TYPE_CHECKING:
    from flink_testbed.network import Proxy

T = TypeVar("T")

_TAIL = 20
_EXCEPTION_S = 5.0


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


def _not_written(what: str, answer: Mapping[str, Any]) -> HostError:
    cause = str(answer.get("failure-cause", {}).get("stack-trace", answer))
    return HostError(Problem("FA442", f"Flink wrote no {what}", seen=cause.partition("\n")[0], detail=cause[:4000]))


class FlinkCluster(ABC):
    """A running cluster.

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
        self.flink_version = flink_version
        self.run_id = run_id
        self.directory = directory
        self.startup_s = 0.0
        # Flink options and environment variables that a Java client needs besides the address.
        self.client_options: Mapping[str, str] = {}
        self.client_environment: Mapping[str, str] = {}
        self._adopted: set[str] = set()
        self._configuration: Mapping[str, str] | None = None

    @property
    @abstractmethod
    def rest(self) -> RestClient:
        """The REST client of the running cluster."""

    @property
    @abstractmethod
    def logs(self) -> ClusterLogs:
        """The cluster's logs, as far as they can be read from here."""

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
    def require_alive(self) -> None:
        """Raise :class:`HostError` if a process of the cluster has died."""

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

    def let_reach(self, port: int) -> None:  # noqa: B027  most jobs run on this machine's loopback
        """Make a server on this machine's loopback reachable for jobs."""

    def summary(self) -> str:
        """Describe the cluster in one line for the report."""
        return f"Flink {self.flink_version}, ready after {self.startup_s:.1f} s"

    @property
    def rest_url(self) -> str:
        """The address of the REST API and of the web UI."""
        return self.rest.url

    def wait(
        self,
        probe: Callable[[], tuple[T | None, str]],
        *,
        what: str,
        timeout_s: float,
        code: str = "FA401",
        next_step: str = "look at the cluster's logs",
    ) -> T:
        """Wait until ``probe`` returns a value other than None.

        ``probe`` also returns the state that it has seen, for the error message. An unreachable
        REST API counts as "not yet" as long as the processes live: a JobManager may be busy,
        or another one may be about to replace it.
        """

        def patient() -> tuple[T | None, str]:
            try:
                return probe()
            except RestUnavailableError as error:
                self.require_alive()
                return None, str(error.problems[0].seen or error.problems[0].message)

        return clock.wait_until(
            patient,
            what=f"{what} at {self.rest_url}",
            timeout_s=timeout_s,
            code=code,
            next_step=next_step,
            detail=lambda: self.logs.tail(_TAIL),
        )

    def configuration(self) -> Mapping[str, str]:
        """Return the options that the cluster reports, none if it does not answer.

        A cluster reads its options when it starts, so it is asked until it has answered once. An
        external cluster may refuse to say.
        """
        if self._configuration is None:
            with contextlib.suppress(HostError):
                self._configuration = self.rest.configuration()
        return self._configuration or {}

    def jobs(self) -> tuple[Job, ...]:
        """Return every job that the cluster knows."""
        return tuple(Job(job["jid"], job["name"], job["state"]) for job in self.rest.jobs())

    def is_own(self, job_id: str) -> bool:
        """Return True if the job is one of this run."""
        if job_id in self._adopted:
            return True
        config = self.rest.call("GET", f"/jobs/{job_id}/config").get("execution-config", {})
        return bool(config.get("user-config", {}).get(OWNER_PARAMETER) == self.run_id)

    def adopt(self, job_id: str) -> None:
        """Treat a job as one of this run.

        A user's program may set its job's global parameters, and so remove the id of the run.
        """
        self._adopted.add(job_id)

    def wait_for_job(self, job_id: str, *states: str, timeout_s: float) -> str:
        """Wait for one of the states (default: any final one); return it.

        Raises :class:`HostError` FA441 if the job ends in another state.
        """
        wanted = frozenset(states) or TERMINAL_STATES

        def probe() -> tuple[str | None, str]:
            state = self.rest.job_state(job_id)
            if state in TERMINAL_STATES - wanted:
                raise HostError(
                    Problem(
                        "FA441",
                        f"job {job_id} ended in an unexpected state",
                        expected=" or ".join(sorted(wanted)),
                        seen=state,
                        detail=self.rest.root_exception(job_id)[:4000],
                    )
                )
            return (state if state in wanted else None), state

        return self.wait(probe, what=f"job {job_id} to be {' or '.join(sorted(wanted))}", timeout_s=timeout_s)

    def wait_for_tasks(self, job_id: str, *, timeout_s: float) -> None:
        """Wait until every task of the job is running or finished."""

        def probe() -> tuple[bool | None, str]:
            states = sorted({str(vertex["status"]) for vertex in self.rest.job(job_id)["vertices"]})
            return (True if set(states) <= {"RUNNING", "FINISHED"} else None), ", ".join(states)

        self.wait(probe, what=f"all tasks of job {job_id} to run", timeout_s=timeout_s)

    def submit(
        self,
        jar: Path,
        *,
        main: str,
        arguments: Sequence[str] = (),
        parallelism: int = 1,
        savepoint: str = "",
        options: Mapping[str, str] | None = None,
        timeout_s: float = 60.0,
    ) -> str:
        """Run the main class of a jar as a job; return its id."""
        stored = self.rest.upload_jar(jar, timeout_s=timeout_s)
        request = {
            "entryClass": main,
            "programArgsList": list(arguments),
            "parallelism": parallelism,
            "flinkConfiguration": dict(options or {}) | owner_options(self.run_id, options),
        } | ({"savepointPath": savepoint} if savepoint else {})
        try:
            return str(self.rest.call("POST", f"{stored}/run", json=request, timeout_s=timeout_s)["jobid"])
        except RestUnavailableError:
            raise
        except HostError as error:
            # The program's own output, such as a Python traceback, is only in the JobManager's log.
            logs = f"\n{self.logs.tail(_TAIL)}"
            raise HostError(*(replace(problem, detail=problem.detail + logs) for problem in error.problems)) from None
        finally:
            self.rest.call("DELETE", stored)

    def cancel(self, job_id: str, *, timeout_s: float = 20.0) -> None:
        """Cancel the job and wait until it has ended."""
        self.rest.cancel(job_id)
        self.wait_for_job(job_id, *TERMINAL_STATES, timeout_s=timeout_s)

    def exception(self, job_id: str) -> str:
        """Return the stack trace of a failed job, or an empty string.

        REST answers may lag by ``web.refresh-interval`` behind the state ``FAILED``, so an empty
        answer is asked again for a few seconds.
        """

        def probe() -> tuple[str | None, str]:
            return self.rest.root_exception(job_id) or None, "none yet"

        try:
            return self.wait(probe, what=f"the exception of job {job_id}", timeout_s=_EXCEPTION_S)
        except WaitTimeoutError:
            return ""

    def savepoint(self, job_id: str, *, stop: bool = False, timeout_s: float = 60.0) -> str:
        """Write a savepoint to the cluster's directory; return its path.

        With ``stop`` the job ends with it. Waits for all tasks first: a job in state ``RUNNING``
        may still be deploying tasks, and Flink then refuses. Raises :class:`HostError` FA442 if the
        savepoint fails.
        """
        deadline = clock.now_s() + timeout_s
        self.wait_for_tasks(job_id, timeout_s=timeout_s)
        path = self.rest.trigger_savepoint(job_id, stop=stop)
        done = self._completed(path, f"a savepoint of job {job_id}", deadline - clock.now_s())
        if "location" in done:
            return str(done["location"])
        raise _not_written(f"savepoint of job {job_id}", done)

    def checkpoint(self, job_id: str, *, timeout_s: float = 60.0) -> None:
        """Take a checkpoint of a job whose tasks run.

        Raises :class:`HostError` FA442 if it fails.
        """
        done = self._completed(self.rest.trigger_checkpoint(job_id), f"a checkpoint of job {job_id}", timeout_s)
        if "checkpointId" not in done:
            raise _not_written(f"checkpoint of job {job_id}", done)

    def _completed(self, path: str, what: str, timeout_s: float) -> dict[str, Any]:
        """Wait until an asynchronous operation is complete, and return its result."""

        def probe() -> tuple[dict[str, Any] | None, str]:
            answer = self.rest.call("GET", path)
            status = str(answer["status"]["id"])
            return (dict(answer["operation"]) if status == "COMPLETED" else None), status

        return self.wait(probe, what=what, timeout_s=max(0.0, timeout_s))

    def last_checkpoint(self, job_id: str, *, timeout_s: float = 0.0) -> str:
        """Return the address of the job's last completed checkpoint, and wait for its first one.

        Flink shows it up to a refresh interval late. Raises :class:`HostError` FA442 if there is none.
        """

        def probe() -> tuple[str | None, str]:
            latest = self.rest.checkpoints(job_id)["latest"]["completed"]
            return (str(latest["external_path"]) if latest else None), f"job {job_id} has completed no checkpoint"

        what = f"the first checkpoint of job {job_id}"
        return self.wait(probe, what=what, timeout_s=timeout_s, code="FA442", next_step="take a shorter interval")

    def final_checkpoint(self, job_id: str) -> str:
        """Return the address of the last checkpoint that a job completed before its end.

        It outlives a job that retains its checkpoints. Raises :class:`HostError` FA442 if there is none.
        """
        # The checkpoint before, which Flink would still show, is removed.
        clock.pause(self.rest.refresh_interval_s())
        return self.last_checkpoint(job_id)

    def completed_checkpoints(self, job_id: str) -> int:
        """Return the number of completed checkpoints of the job."""
        return self.rest.checkpoint_counts(job_id)["completed"]

    def metrics(
        self, job_id: str, choose: Callable[[Sequence[str]], Sequence[str]] = lambda names: names
    ) -> dict[str, dict[str, str]]:
        """Return the job's metrics by the names of its vertices, or those that ``choose`` takes from their names.

        Keys are ``<subtask>.<operator>.<metric>``, values are strings. REST is up to a second late;
        ``processes.prometheus`` has current values.
        """
        vertices = self.rest.job(job_id)["vertices"]
        return {vertex["name"]: self.rest.vertex_metrics(job_id, vertex["id"], choose) for vertex in vertices}

    def thread_dump(self) -> dict[str, str]:
        """Return the stacks of all threads, by ``jobmanager`` or TaskManager id."""
        return {name: self.rest.threads(path) for name, path in self.rest.process_paths().items()}
