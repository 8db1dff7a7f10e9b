"""The health of two versions that are alive at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_flink_agents.evidence.job_failure import job_failure, lost_part
from pytest_flink_agents.run.watch.jobs import JobWatch
from pytest_flink_agents.vocabulary import counted

if TYPE_CHECKING:
    from flink_testbed.faults import FaultTarget
    from pytest_flink_agents.run.followed_run import FollowedRun

_FAILING = frozenset({"FAILING", "FAILED", "RESTARTING"})


class GivenUpError(Exception):
    """The candidate cannot take over; ``known`` says whether that is its own fault."""

    def __init__(self, reason: str, *, known: bool = True) -> None:
        super().__init__(reason)
        self.known = known


def require_health(candidate: FollowedRun, target: FaultTarget, restarts_before: int) -> None:
    """Raise ``GivenUpError`` if the candidate has failed or restarted, or the baseline beside it.

    ``target`` is the job of the baseline, which had restarted ``restarts_before`` times when the candidate started.
    """
    watch = candidate.watch
    watch.look()
    restarts = watch.history()["restarts"]
    if restarts or watch.state != "RUNNING":
        # After the loss of a JobManager, another one initializes a job that has not failed, and knows no exception
        # of before. One that is missing is waited for, in which time the baseline would stand still.
        has_failed = watch.state in _FAILING or (restarts and watch.state != "INITIALIZING")
        exception = candidate.cluster.exception(watch.job_id) if has_failed else ""
        lost = lost_part(exception)
        cause = f"{f', without {lost}' if lost else ''}: {job_failure(exception).message}" if exception else ""
        seen = f"its job is {watch.state.lower()} after {counted(restarts, 'restart')}{cause}"
        raise GivenUpError(seen, known=bool(exception) and not lost)
    baseline = JobWatch(target.cluster, target.job_id)
    baseline.look()
    if baseline.state != "RUNNING":
        raise GivenUpError(f"the job of the baseline is {baseline.state.lower()}", known=False)
    if baseline.history()["restarts"] > restarts_before:
        raise GivenUpError("the job of the baseline restarted while the candidate ran beside it", known=False)
