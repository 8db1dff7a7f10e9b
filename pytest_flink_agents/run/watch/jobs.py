"""Watch one job over REST.

Its state and metrics are sampled while it runs, its checkpoints and failures are read at the end.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, WaitTimeoutError
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.rest import SILENT_S, TERMINAL_STATES
from flink_testbed.flink.rest_connection import RestUnavailableError
from pytest_flink_agents.evidence.job_failure import job_failure
from pytest_flink_agents.evidence.model import Checkpoint, Checkpoints, JobException
from pytest_flink_agents.run.paced import Paced
from pytest_flink_agents.run.watch.agent_metrics import agent_metric_names, agent_metrics

# A job without a blocked thread ends within a second or two; a busy machine takes longer.
CANCEL_S = 15.0
# Longer than REST lags behind the state of a job that has ended, 3 s on an external cluster by default.
_END_S = 10.0
_STARTING = frozenset({"SCHEDULED", "DEPLOYING", "INITIALIZING"})
_RUNS = frozenset({"RUNNING", "FINISHED"})
# A metric of the job, not of a task.
_RESTARTS = "numRestarts"


class JobHistory(TypedDict, total=False):
    """The fields of evidence about one job."""

    job_id: str
    ui_url: str
    metrics: Mapping[str, float] | None
    checkpoints: Checkpoints
    restarts: int
    exceptions: tuple[JobException, ...]


class JobWatch:
    """One job on a cluster; ``state`` is the last one seen.

    ``metrics`` are those of the named operator, or of all operators that count an agent's events if
    none is named. Flink shows a metric about a second late, and updates none of a job that has
    ended: the last values seen are kept.
    """

    def __init__(self, cluster: FlinkCluster, job_id: str, *, operator: str = "") -> None:
        self._cluster = cluster
        self.job_id = job_id
        self._operator = operator
        self._paced = Paced(at_once=False)
        self._heard_s = clock.now_s()
        self.metrics: Mapping[str, float] = {}
        self._restarts = 0
        self._completed: dict[int, Checkpoint] = {}
        self.state = "unknown"
        # True once all tasks have run at the same time, or the job has ended or restarted.
        self.started = False
        # Where that is stored which the job restored before anything else, empty if it began without a state; None until
        # Flink has said so. A job that restarts has restored one of its own.
        self.restored: str | None = None

    @property
    def ui_url(self) -> str:
        """The job's page in the cluster's web UI."""
        return f"{self._cluster.rest_url}/#/job/{self.job_id}/overview"

    @property
    def ended(self) -> bool:
        """True once the job has reached a final state."""
        return self.state in TERMINAL_STATES

    def ended_by(self, deadline_s: float) -> bool:
        """Return whether a job that has ended did so by ``deadline_s`` on the clock of ``clock.now_s()``.

        False if Flink does not say when it ended. Its clock may differ from this machine's: it is
        asked how long ago the end was, and the way of the answer counts as the job's time.
        """

        def probe() -> tuple[float | None, str]:
            since_s = self._cluster.rest.ended_since_s(self.job_id)
            return (None if since_s is None else clock.now_s() - since_s), "no end"

        # A cluster that does not answer, or no longer knows the job, does not date its end.
        with contextlib.suppress(HostError, WaitTimeoutError):
            return clock.wait_until(probe, what=f"the end of job {self.job_id}", timeout_s=_END_S) <= deadline_s
        return False

    def look(self) -> None:
        """Read the job's state, and about once a second its metrics.

        If REST does not answer, the next look asks again. Raises ``RestUnavailableError`` after 20
        seconds of silence, and ``HostError`` if a process of the cluster has died.
        """
        self._cluster.require_alive()
        try:
            self.state = self._cluster.rest.job_state(self.job_id)
        except RestUnavailableError:
            if clock.now_s() - self._heard_s > SILENT_S:
                raise
            return
        self._heard_s = clock.now_s()
        self.started = self.started or self.ended or self.state == "RESTARTING"
        if not self.ended and self._paced.due():
            # A job that is about to end or to restart may refuse: the next look sees more.
            with contextlib.suppress(HostError):
                self._sample()

    def look_for_start(self) -> bool:
        """Look, and return whether every task that was scheduled runs.

        A task is INITIALIZING until its operators are open, which in Python includes the imports.
        Tasks of later stages of a batch job are CREATED until their turn comes.
        """
        self.look()
        if not self.started:
            with contextlib.suppress(HostError):
                states = {str(vertex["status"]) for vertex in self._cluster.rest.job(self.job_id)["vertices"]}
                self.started = states.isdisjoint(_STARTING) and not states.isdisjoint(_RUNS)
        return self.started

    def _sample(self) -> None:
        self._count_restarts()
        self._look_at_checkpoints()
        # A vertex has hundreds of metrics, most of them of Kafka's clients.
        shown = self._cluster.metrics(self.job_id, lambda names: [*agent_metric_names(names, self._operator)])
        for vertex in shown.values():
            self.metrics = {**self.metrics, **agent_metrics(vertex, self._operator)}

    def _count_restarts(self) -> None:
        shown = self._cluster.rest.call("GET", f"/jobs/{self.job_id}/metrics", params={"get": _RESTARTS})
        self._restarts = max([self._restarts, *(int(metric["value"]) for metric in shown)])

    def cancel(self) -> bool:
        """Cancel the job and wait until its slots are free.

        Return False if it still holds them after 15 seconds.
        """
        self._cluster.rest.cancel(self.job_id)
        wait_for_ends([self], CANCEL_S)
        # A job that took longer, and was seen to end all the same, holds no slot either.
        return self.ended

    def look_for_restore(self) -> None:
        """Look for what the job has restored. If REST does not answer, the next sample of the job looks again."""
        with contextlib.suppress(HostError):
            self._look_at_checkpoints()

    def parallelism(self) -> int:
        """Return the parallelism of the job's widest operator, 0 if Flink does not say."""
        with contextlib.suppress(HostError):
            vertices = self._cluster.rest.job(self.job_id)["vertices"]
            # A new JobManager that initializes the job shows none yet.
            return max((int(vertex["parallelism"]) for vertex in vertices), default=0)
        return 0

    def history(self) -> JobHistory:
        """Return the job's checkpoints, restarts and exceptions so far."""
        checkpoints = self._look_at_checkpoints()
        exceptions = self._exceptions()
        self._count_restarts()
        return JobHistory(
            job_id=self.job_id,
            ui_url=self.ui_url,
            metrics=self.metrics or None,
            checkpoints=checkpoints,
            # The metric may be a second late, and each exception but the final one caused a
            # restart. Flink drops old exceptions (web.exception-history-size), so there may be
            # fewer of them than restarts.
            restarts=max(self._restarts, len(exceptions) - (self.state == "FAILED")),
            exceptions=exceptions,
        )

    def _look_at_checkpoints(self) -> Checkpoints:
        """Read the counts of checkpoints, and take note of those that were completed since the last look.

        The numbers go on after the loss of a JobManager, the counts do not.
        """
        answer = self._cluster.rest.checkpoints(self.job_id)
        counts, restored = answer["counts"], (answer.get("latest") or {}).get("restored")
        for entry in answer.get("history", ()):
            if entry["status"] == "COMPLETED":
                one = Checkpoint(int(entry["id"]), int(entry["latest_ack_timestamp"]) / 1000, entry["is_savepoint"])
                self._completed[one.id] = one
        found = Checkpoints(
            int(counts["completed"]),
            int(counts["failed"]),
            int(counts["restored"]),
            tuple(self._completed[number] for number in sorted(self._completed)),
            int(restored["restore_timestamp"]) / 1000 if restored else None,
            str(restored.get("external_path") or "") if restored else "",
        )
        if self.restored is None:
            self.restored = self._restored_first(found)
        return found

    def _restored_first(self, seen: Checkpoints) -> str | None:
        if seen.restored == 1 and seen.restored_path:
            return seen.restored_path
        # Before its start a job may still restore something.
        return "" if self.started and not seen.restored else None

    def _exceptions(self) -> tuple[JobException, ...]:
        entries = self._cluster.rest.exceptions(self.job_id)
        return tuple(_exception(entry) for entry in sorted(entries, key=lambda entry: int(entry["timestamp"])))


def _exception(entry: Mapping[str, Any]) -> JobException:
    message = job_failure(str(entry["stacktrace"])).message
    return JobException(int(entry["timestamp"]), message, str(entry.get("taskName") or ""))


def joint_state(watches: Sequence[JobWatch]) -> str:
    """Return one state for all jobs.

    It is FAILED if a job has failed or there is none, and FINISHED if all have finished.
    """
    states = [watch.state for watch in watches]
    if not states or "FAILED" in states:
        return "FAILED"
    return next((state for state in states if state != "FINISHED"), "FINISHED")


def restarts_in_words(history: JobHistory) -> str:
    """Return one line on a job's restarts, empty if there were none."""
    exceptions = history.get("exceptions")
    if not exceptions:
        return ""
    return f"the job restarted {history['restarts']} times, the last time because of: {exceptions[-1].message}"


def wait_for_starts(watches: Sequence[JobWatch], within_s: float) -> bool:
    """Watch jobs until all have started.

    Return False if the deadline passed before.
    """

    def probe() -> tuple[bool | None, str]:
        started = [watch.look_for_start() for watch in watches]
        return (True if all(started) else None), ", ".join(watch.state for watch in watches)

    try:
        return clock.wait_until(probe, what=f"{len(watches)} jobs to start", timeout_s=within_s, interval_s=0.05)
    except WaitTimeoutError:
        return False


def wait_for_ends(
    watches: Sequence[JobWatch],
    within_s: float,
    enough: Callable[[], bool] = lambda: False,
    each_look: Callable[[], None] = lambda: None,
) -> bool:
    """Watch jobs until all have ended, or until ``enough`` holds.

    Return False if the deadline passed before. What is seen only after the deadline is in time if
    Flink says that the jobs had ended by then; nothing dates ``enough``.

    ``each_look`` is called after each look at jobs that still run.
    """
    deadline_s = clock.now_s() + within_s

    def probe() -> tuple[bool | None, str]:
        for watch in watches:
            watch.look()
        if all(watch.ended for watch in watches):
            return clock.now_s() <= deadline_s or all(watch.ended_by(deadline_s) for watch in watches), "all ended"
        each_look()
        in_time = (clock.now_s() <= deadline_s) if enough() else None
        return in_time, ", ".join(watch.state for watch in watches)

    try:
        return clock.wait_until(probe, what=f"{len(watches)} jobs to end", timeout_s=within_s, interval_s=0.05)
    except WaitTimeoutError:
        return False
