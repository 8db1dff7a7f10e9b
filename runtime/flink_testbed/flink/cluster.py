"""One handle on a real Flink: what every cluster can do, whether it is processes, containers or somebody else's.

Everything here goes over REST. Every operation has a deadline; past it, the error says what was waited for, what was
seen last, and shows the ends of the logs.
"""

from __future__ import annotations

import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem, WaitTimeoutError
from flink_testbed.flink.rest import TERMINAL_STATES, RestClient, RestUnavailableError

T = TypeVar("T")

OWNER_PARAMETER = "flink-agents-test-run"
_TAIL = 20
_KEPT_BACK_S = 5.0
_LOG_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Job:
    """One job as the cluster tells it. ``state`` is Flink's word (``RUNNING``, ``FINISHED``, ...)."""

    id: str
    name: str
    state: str

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        return self.state in TERMINAL_STATES


def owner_options(run_id: str) -> dict[str, str]:
    """The Flink option by which a job carries whose it is; REST shows it as the job's user configuration."""
    return {"pipeline.global-job-parameters": f"{OWNER_PARAMETER}:{run_id}"}


class FlinkCluster(ABC):
    """A running cluster.

    ``run_id`` is what jobs of ours carry; ``flink_version`` is the cluster's, in full; ``directory`` holds what is kept
    of it here (logs, and the files of a cluster that we started). ``shares_files`` says whether its processes see this
    machine's files under the same paths: where they do not, code travels with each job. ``worker_python`` is the
    interpreter of its Python workers where it is not the job environment's.
    """

    shares_files = True
    worker_python = ""

    def __init__(self, *, flink_version: str, run_id: str, directory: Path) -> None:
        self.flink_version = flink_version
        self.run_id = run_id
        self.directory = directory
        self.startup_s = 0.0
        # What a client in Java needs to reach the cluster besides its address: Flink options, variables.
        self.client_options: Mapping[str, str] = {}
        self.client_environment: Mapping[str, str] = {}
        self._adopted: set[str] = set()

    @property
    @abstractmethod
    def rest(self) -> RestClient:
        """The REST client of the running cluster."""

    @abstractmethod
    def require_alive(self) -> None:
        """Raise :class:`HostError` with the log's end if a process of the cluster has died."""

    @abstractmethod
    def log_tail(self, lines: int = 40) -> str:
        """The ends of all logs of the cluster, each under its name; empty where they are out of reach."""

    @abstractmethod
    def logs(self) -> Mapping[str, str]:
        """Name of each process -> the last part of its log."""

    def log_sizes(self) -> Mapping[str, int]:
        """Name of each file of the logs, crash reports of JVMs included -> its size in bytes now."""
        sizes = {}
        for path in self._log_files():
            with contextlib.suppress(FileNotFoundError):
                sizes[path.name] = path.stat().st_size
        return sizes

    def logs_since(self, sizes: Mapping[str, int]) -> Mapping[str, str]:
        """What was written since :meth:`log_sizes` said ``sizes``: the last MiB of each file."""
        written = {}
        for path in self._log_files():
            start = sizes.get(path.name, 0)
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                # One that has become smaller was begun anew.
                file.seek(max(0 if size < start else start, size - _LOG_BYTES))
                written[path.name] = file.read(_LOG_BYTES).decode("utf-8", "replace")
        return written

    def _log_files(self) -> list[Path]:
        """Those that are there now; Flink gives a log that has become long another name, and in the end removes it."""
        files = [*(self.directory / "log").glob("*"), *self.directory.glob("hs_err_pid*")]
        return sorted(path for path in files if path.is_file())

    @property
    @abstractmethod
    def taskmanagers(self) -> Sequence[str]:
        """The names of the TaskManagers that are meant to run, oldest first."""

    @property
    def prometheus(self) -> Mapping[str, str]:
        """Name of each Flink process -> the URL at which its Prometheus reporter is scraped; none of somebody else's cluster."""
        return {}

    @abstractmethod
    def kill_taskmanager(self) -> str:
        """SIGKILL the oldest TaskManager with its Python workers; returns its name. Flink finds out by itself."""

    @abstractmethod
    def add_taskmanager(self) -> str:
        """Start one more TaskManager; returns its name before it has registered (:meth:`wait_ready`)."""

    @abstractmethod
    def kill_jobmanager(self) -> None:
        """SIGKILL the JobManager and start another in its place; returns before that answers (:meth:`wait_ready`).

        Jobs are taken over where the cluster was asked for high availability; they are lost otherwise.
        """

    @abstractmethod
    def pause(self, name: str) -> None:
        """Stop a process (``jobmanager`` or a TaskManager's name) without ending it: it keeps its sockets and answers nothing."""

    @abstractmethod
    def resume(self, name: str) -> None:
        """Let a paused process go on."""

    @abstractmethod
    def close(self) -> None:
        """End what is ours: a cluster that we started, or only our jobs."""

    @abstractmethod
    def wait_ready(self, timeout_s: float | None = None) -> None:
        """Wait until REST answers and the slots of all TaskManagers are registered."""

    def let_reach(self, port: int) -> None:  # noqa: B027  most jobs run where this machine's loopback is
        """See to it that a server on this machine's loopback answers at the same address where the jobs run."""

    @property
    def rest_url(self) -> str:
        """Where REST and the web UI answer."""
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
        """Wait for a condition on the cluster; a REST that does not answer, while its process lives, is "not yet"."""

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
            detail=lambda: self.log_tail(_TAIL),
        )

    def jobs(self) -> tuple[Job, ...]:
        """Every job that the cluster knows."""
        return tuple(Job(job["jid"], job["name"], job["state"]) for job in self.rest.jobs())

    def is_own(self, job_id: str) -> bool:
        """Whether the job carries our run's id, or is known to be ours."""
        if job_id in self._adopted:
            return True
        config = self.rest.call("GET", f"/jobs/{job_id}/config").get("execution-config", {})
        return bool(config.get("user-config", {}).get(OWNER_PARAMETER) == self.run_id)

    def adopt(self, job_id: str) -> None:
        """Know a job as ours: a program of a team's own may set its job's parameters, and take our id away."""
        self._adopted.add(job_id)

    def wait_for_job(self, job_id: str, *states: str, timeout_s: float) -> str:
        """Wait until the job is in one of the states, by default any in which it has ended; returns the state."""
        wanted = frozenset(states) or TERMINAL_STATES

        def probe() -> tuple[str | None, str]:
            state = self.rest.job_state(job_id)
            if state in TERMINAL_STATES - wanted:
                raise HostError(
                    Problem(
                        "FA441",
                        f"job {job_id} has ended",
                        expected=" or ".join(sorted(wanted)),
                        seen=state,
                        detail=self.rest.root_exception(job_id)[:4000],
                    )
                )
            return (state if state in wanted else None), state

        return self.wait(probe, what=f"job {job_id} to be {' or '.join(sorted(wanted))}", timeout_s=timeout_s)

    def wait_for_tasks(self, job_id: str, *, timeout_s: float) -> None:
        """Wait until every task of the job runs, or has finished."""

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
        """Run a program of a jar as a job of ours, from a savepoint where one is given; returns the job's id."""
        with jar.open("rb") as file:
            uploaded = self.rest.call(
                "POST",
                "/jars/upload",
                files={"jarfile": (jar.name, file, "application/x-java-archive")},
                timeout_s=timeout_s,
            )
        stored = f"/jars/{str(uploaded['filename']).rpartition('/')[2]}"
        request = {
            "entryClass": main,
            "programArgsList": list(arguments),
            "parallelism": parallelism,
            "flinkConfiguration": dict(options or {}) | owner_options(self.run_id),
        } | ({"savepointPath": savepoint} if savepoint else {})
        try:
            return str(self.rest.call("POST", f"{stored}/run", json=request, timeout_s=timeout_s)["jobid"])
        except RestUnavailableError:
            raise
        except HostError as error:
            # What the program itself has said, a traceback of Python say, stands in the JobManager's output alone.
            logs = f"\n{self.log_tail(_TAIL)}"
            raise HostError(*(replace(problem, detail=problem.detail + logs) for problem in error.problems)) from None
        finally:
            self.rest.call("DELETE", stored)

    def cancel(self, job_id: str, *, timeout_s: float = 20.0) -> None:
        """Take the job off the cluster, and see it gone."""
        self.rest.cancel(job_id)
        self.wait_for_job(job_id, *TERMINAL_STATES, timeout_s=timeout_s)

    def exception(self, job_id: str) -> str:
        """The stack trace of what failed a job that has failed; empty if Flink keeps none.

        Flink's answers about a job may be as old as ``web.refresh-interval``, older than the state that made us ask.
        """

        def probe() -> tuple[str | None, str]:
            return self.rest.root_exception(job_id) or None, "none yet"

        try:
            return self.wait(probe, what=f"the exception of job {job_id}", timeout_s=_KEPT_BACK_S)
        except WaitTimeoutError:
            return ""

    def savepoint(self, job_id: str, *, stop: bool = False, timeout_s: float = 60.0) -> str:
        """Write a savepoint to the cluster's directory; returns its place. With ``stop`` the job ends with it.

        Waits for all tasks first: a job that Flink calls running may still be deploying, and would refuse.
        """
        deadline = clock.now_s() + timeout_s
        self.wait_for_tasks(job_id, timeout_s=timeout_s)
        if stop:
            asked = self.rest.call("POST", f"/jobs/{job_id}/stop", json={"drain": False})
        else:
            asked = self.rest.call("POST", f"/jobs/{job_id}/savepoints", json={"cancel-job": False})
        path = f"/jobs/{job_id}/savepoints/{asked['request-id']}"

        def probe() -> tuple[dict[str, Any] | None, str]:
            answer = self.rest.call("GET", path)
            status = str(answer["status"]["id"])
            return (dict(answer["operation"]) if status == "COMPLETED" else None), status

        left_s = max(0.0, deadline - clock.now_s())
        done = self.wait(probe, what=f"a savepoint of job {job_id}", timeout_s=left_s)
        if "location" in done:
            return str(done["location"])
        cause = str(done.get("failure-cause", {}).get("stack-trace", done))
        raise HostError(
            Problem("FA442", f"no savepoint of job {job_id}", seen=cause.partition("\n")[0], detail=cause[:4000])
        )

    def completed_checkpoints(self, job_id: str) -> int:
        """How many checkpoints of the job are complete."""
        return int(self.rest.call("GET", f"/jobs/{job_id}/checkpoints")["counts"]["completed"])

    def metrics(self, job_id: str) -> dict[str, dict[str, str]]:
        """Name of each of the job's vertices -> its metrics, ``<subtask>.<operator>.<metric>`` to the value as text.

        As REST shows them, up to a second late; :attr:`prometheus` has them as they are.
        """
        vertices = self.rest.job(job_id)["vertices"]
        return {vertex["name"]: self.rest.vertex_metrics(job_id, vertex["id"]) for vertex in vertices}

    def thread_dump(self) -> dict[str, str]:
        """What every thread is doing: ``jobmanager`` and each TaskManager by its id in Flink."""
        places = {"jobmanager": "/jobmanager"}
        for member in self.rest.call("GET", "/taskmanagers")["taskmanagers"]:
            places[str(member["id"])] = f"/taskmanagers/{member['id']}"
        dumps = {}
        for name, path in places.items():
            threads = self.rest.call("GET", f"{path}/thread-dump")["threadInfos"]
            dumps[name] = "".join(str(thread["stringifiedThreadInfo"]) for thread in threads)
        return dumps
