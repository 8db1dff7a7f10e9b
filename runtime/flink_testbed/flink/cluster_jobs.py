"""The jobs of a running cluster.

Everything goes over Flink's REST API. Each operation has a deadline; the error at the deadline names
the condition, the last state seen and the ends of the logs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem, WaitTimeoutError
from flink_testbed.flink.job_owner import OWNER_PARAMETER, owner_options
from flink_testbed.flink.logs import ClusterLogs
from flink_testbed.flink.rest import TERMINAL_STATES, Job, RestClient
from flink_testbed.flink.rest_connection import RestUnavailableError

T = TypeVar("T")

_TAIL = 20
# Several times the refresh interval of an external cluster, 3 s by default: a busy one is later still.
_EXCEPTION_S = 20.0


def _not_written(what: str, answer: Mapping[str, Any]) -> HostError:
    cause = str(answer.get("failure-cause", {}).get("stack-trace", answer))
    return HostError(Problem("FA442", f"Flink wrote no {what}", seen=cause.partition("\n")[0], detail=cause[:4000]))


class ClusterJobs(ABC):
    """The jobs of a cluster: those of this run, marked by ``run_id``, and all others."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self._adopted: set[str] = set()

    @property
    @abstractmethod
    def rest(self) -> RestClient:
        """The REST client of the running cluster."""

    @property
    @abstractmethod
    def logs(self) -> ClusterLogs:
        """The cluster's logs, as far as they can be read from here."""

    @abstractmethod
    def require_alive(self) -> None:
        """Raise :class:`HostError` if a process of the cluster has died."""

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
        answer is asked again for a while.
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
