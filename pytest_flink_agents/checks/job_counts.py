"""The checks of what Flink counts about a job: checkpoints, restarts and throughput."""

from __future__ import annotations

from pytest_flink_agents.checks.bounds import Amount, Bounds, check_amounts
from pytest_flink_agents.checks.finding import CheckResult
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.vocabulary import Tier

CHECKPOINTS, RESTARTS, THROUGHPUT = "checkpoints", "restarts", "throughput"
# The doubt about counts of a job whose JobManager was killed.
FORGOTTEN = "a JobManager that was killed took earlier counts with it"


def check_checkpoints(
    completed: Bounds | None, failed: Bounds | None, evidence: Evidence, *, forgotten: bool = False
) -> CheckResult:
    """Return *invalid* if too few checkpoints completed, or too many failed.

    ``forgotten`` says that the JobManager was killed: the next one counts from zero.
    """
    counts = evidence.checkpoints
    amounts = (
        ("the number of completed checkpoints", completed, counts.completed if counts else None),
        ("the number of failed checkpoints", failed, counts.failed if counts else None),
    )
    return check_amounts(
        CHECKPOINTS,
        [
            (bounds, _counted(name, value, evidence, forgotten=forgotten))
            for name, bounds, value in amounts
            if bounds is not None
        ],
    )


def check_restarts(bounds: Bounds, evidence: Evidence, *, forgotten: bool = False) -> CheckResult:
    """Return *invalid* if the job restarted too often, or not often enough."""
    return check_amounts(RESTARTS, [(bounds, restarts_amount(evidence, forgotten=forgotten))])


def restarts_amount(evidence: Evidence, *, forgotten: bool) -> Amount:
    """Return the number of restarts.

    A job without a record of its checkpoints has no record of its restarts either.
    """
    value = evidence.restarts if evidence.checkpoints is not None else None
    return _counted("the number of restarts", value, evidence, forgotten=forgotten)


def _counted(name: str, value: int | None, evidence: Evidence, *, forgotten: bool) -> Amount:
    if value is None:
        reason = "the local tier has none" if evidence.tier == Tier.LOCAL.value else "Flink did not report them"
        return Amount(name, None, reason)
    return Amount(name, value, FORGOTTEN, final=not forgotten)


def check_throughput(bounds: Bounds, evidence: Evidence) -> CheckResult:
    """Return *invalid* if the job handled too few inputs in a second of its run.

    *Unknown* for a run that did not end by itself: not all inputs may have been handled.
    """
    name, seconds = "the number of inputs per second", evidence.timings_s.get("run")
    if evidence.job_state != "FINISHED" or not evidence.complete:
        amount = Amount(name, None, "the job did not end by itself")
    elif not seconds or not evidence.input_keys:
        amount = Amount(name, None, "the run was not timed")
    else:
        amount = Amount(name, round(len(evidence.input_keys) / seconds, 3))
    return check_amounts(THROUGHPUT, [(bounds, amount)])
