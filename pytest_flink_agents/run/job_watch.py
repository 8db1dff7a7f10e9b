"""What Flink's REST tells of one job: its state and metrics while it runs, its checkpoints and failures at the end."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, WaitTimeoutError
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.rest import SILENT_S, TERMINAL_STATES, RestUnavailableError
from pytest_flink_agents.evidence.job_failure import job_failure
from pytest_flink_agents.evidence.model import Checkpoints, JobException

_SAMPLE_EVERY_S = 1.0
_CANCEL_S = 20.0
# Of the whole job, not of a task of it.
_RESTARTS = "numRestarts"
# A metric that every engine's operator has, whatever the operator is called.
_OPERATOR = re.compile(r"^\d+\.(.+)\.numOfEventProcessed$")
# What is not added up over subtasks, since the sum of it says nothing.
_NO_SUM = re.compile(r"LatencyMs|Watermark|_(?:mean|min|max|stddev|median|p\d+)$")


class Story(TypedDict, total=False):
    """The fields of evidence that tell which job it was and how it fared."""

    job_id: str
    ui_url: str
    metrics: Mapping[str, float]
    checkpoints: Checkpoints
    restarts: int
    exceptions: tuple[JobException, ...]


class JobWatch:
    """One job on a cluster; ``state`` is the one seen last.

    ``metrics`` are those of the operator that is named, or, where none is, of all that count an agent's events. Flink
    shows a metric about a second late, and updates none of a job that has ended: what is kept is what was seen last.
    """

    def __init__(self, cluster: FlinkCluster, job_id: str, *, operator: str = "") -> None:
        self._cluster = cluster
        self.job_id = job_id
        self._operator = operator
        self._next_sample_s = clock.now_s() + _SAMPLE_EVERY_S
        self._heard_s = clock.now_s()
        self.metrics: Mapping[str, float] = {}
        self._restarts = 0
        self.state = "unknown"

    @property
    def ended(self) -> bool:
        """Whether the job will not change any more."""
        return self.state in TERMINAL_STATES

    def look(self) -> None:
        """See the job's state, and about once a second its metrics.

        What REST does not tell now the next look may see; raises :class:`RestUnavailableError` once it has been silent for
        20 seconds, and :class:`HostError` if a process of the cluster has died.
        """
        self._cluster.require_alive()
        try:
            self.state = self._cluster.rest.job_state(self.job_id)
        except RestUnavailableError:
            if clock.now_s() - self._heard_s > SILENT_S:
                raise
            return
        self._heard_s = clock.now_s()
        if not self.ended and clock.now_s() >= self._next_sample_s:
            # A job that is about to end or to begin again may refuse: the next look sees more.
            with contextlib.suppress(HostError):
                self._sample()
            self._next_sample_s = clock.now_s() + _SAMPLE_EVERY_S

    def _sample(self) -> None:
        self._count_restarts()
        for vertex in self._cluster.metrics(self.job_id).values():
            self.metrics = {**self.metrics, **agent_metrics(vertex, self._operator)}

    def _count_restarts(self) -> None:
        shown = self._cluster.rest.call("GET", f"/jobs/{self.job_id}/metrics", params={"get": _RESTARTS})
        self._restarts = max([self._restarts, *(int(metric["value"]) for metric in shown)])

    def cancel(self) -> None:
        """Take the job off the cluster, so that the next scenario finds its slots free."""
        self._cluster.rest.cancel(self.job_id)
        wait_for_ends([self], _CANCEL_S)

    def story(self) -> Story:
        """How the job fared so far."""
        counts = self._cluster.rest.call("GET", f"/jobs/{self.job_id}/checkpoints")["counts"]
        exceptions = self._exceptions()
        self._count_restarts()
        return Story(
            job_id=self.job_id,
            ui_url=f"{self._cluster.rest_url}/#/job/{self.job_id}/overview",
            metrics=self.metrics,
            checkpoints=Checkpoints(int(counts["completed"]), int(counts["failed"]), int(counts["restored"])),
            # The metric may be a second late, and each exception had the job begin again, but the one that ended it. They are
            # fewer than the restarts where Flink has dropped old ones (web.exception-history-size).
            restarts=max(self._restarts, len(exceptions) - (self.state == "FAILED")),
            exceptions=exceptions,
        )

    def _exceptions(self) -> tuple[JobException, ...]:
        history = self._cluster.rest.call("GET", f"/jobs/{self.job_id}/exceptions", params={"maxExceptions": 100})
        entries = history.get("exceptionHistory", {}).get("entries", [])
        return tuple(_exception(entry) for entry in sorted(entries, key=lambda entry: int(entry["timestamp"])))


def _exception(entry: Mapping[str, Any]) -> JobException:
    message = job_failure(str(entry["stacktrace"])).message
    return JobException(int(entry["timestamp"]), message, str(entry.get("taskName") or ""))


def restarts_in_words(story: Story) -> str:
    """One line of how often a job began again, and why; empty where it did not."""
    exceptions = story.get("exceptions")
    if not exceptions:
        return ""
    return f"the job began again {story['restarts']} times, last because of: {exceptions[-1].message}"


def wait_for_ends(watches: Sequence[JobWatch], within_s: float, enough: Callable[[], bool] = lambda: False) -> bool:
    """Watch jobs until all have ended, or there is ``enough``; False where the deadline passed before."""

    def probe() -> tuple[bool | None, str]:
        for watch in watches:
            watch.look()
        done = all(watch.ended for watch in watches) or enough()
        return (True if done else None), ", ".join(watch.state for watch in watches)

    try:
        return clock.wait_until(probe, what=f"{len(watches)} jobs to end", timeout_s=within_s, interval_s=0.05)
    except WaitTimeoutError:
        return False


def agent_metrics(metrics: Mapping[str, str], operator: str = "") -> dict[str, float]:
    """An agent's metrics by the names that they have without Flink, out of ``SUBTASK.OPERATOR.NAME`` to text.

    Subtasks are added up; of latencies and other values that have no sum the largest counts.
    """
    operators = {operator} if operator else {found[1] for name in metrics if (found := _OPERATOR.match(name))}
    seen: dict[str, list[float]] = {}
    for name, text in metrics.items():
        below = name.partition(".")[2]
        own = next((below[len(each) + 1 :] for each in operators if below.startswith(f"{each}.")), "")
        value = _number(text)
        if own and value is not None:
            seen.setdefault(own, []).append(value)
    return {name: max(values) if _NO_SUM.search(name) else sum(values) for name, values in seen.items()}


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
