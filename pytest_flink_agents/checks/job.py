"""The checks of the job itself: its end and its failure."""

from __future__ import annotations

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.outputs import Matches
from pytest_flink_agents.evidence.model import Evidence, Failure, StepRecord
from pytest_flink_agents.evidence.upgrade import STOPS
from pytest_flink_agents.vocabulary import Tier


def check_ended(evidence: Evidence, within_s: float) -> CheckResult:
    """Return *invalid* if the job did not end in time.

    *Unknown* if the job never started, did not stop for the next one, or if its last state is neither running nor ended.
    """
    if not evidence.started:
        seen = evidence.log_tail.partition("\n")[0] or evidence.job_state
        message = "the job did not start in time, so nothing is known about it"
        return CheckResult("ended", Validity.UNKNOWN, (Finding(message, ("within",), "a running job", seen),))
    if evidence.timed_out_after_s is not None:
        message = f"the job had not ended after {evidence.timed_out_after_s:g} s"
        finding = Finding(
            message,
            ("within",),
            f"an end within {within_s:g} s",
            evidence.log_tail.partition("\n")[0] or evidence.job_state,
        )
        return CheckResult("ended", Validity.INVALID, (finding,))
    if evidence.job_state in ("FINISHED", "FAILED") or evidence.stopped:
        return CheckResult("ended", Validity.VALID)
    if refused := _refused_stop(evidence):
        message = f'the job did not stop at the step "{refused.act}", so the next one never began'
        seen = evidence.log_tail.partition("\n")[0] or refused.detail.partition("\n")[0]
        return CheckResult("ended", Validity.UNKNOWN, (Finding(message, ("upgrade",), "a job that stops", seen),))
    finding = Finding(
        "the final state of the job is not known", ("within",), "FINISHED or FAILED", evidence.job_state or "no state"
    )
    return CheckResult("ended", Validity.UNKNOWN, (finding,))


def _refused_stop(evidence: Evidence) -> StepRecord | None:
    """Return the step that could not stop the job for the next one, None if there is none."""
    fired = (step for step in evidence.steps if step.fired_after_s is not None and not step.felt)
    return next((step for step in fired if step.act.startswith(STOPS)), None)


def check_acted(evidence: Evidence) -> CheckResult:
    """Return *invalid* if there is no output because no action of the agent ran.

    For scenarios that expect no output: an agent that listens to another event, or to none, is as
    silent as one that decides to send nothing. *Valid* on Flink: its metrics may be samples from
    before the first action, so that zero proves nothing.
    """
    executed = (evidence.metrics or {}).get("numOfActionsExecuted")
    if evidence.outputs or executed != 0 or evidence.tier != Tier.LOCAL.value:
        return CheckResult("actions", Validity.VALID)
    message = "no action of the agent ran: that there is no output says nothing about it"
    finding = Finding(message, ("agent",), "an action that listens to the inputs", "no action")
    return CheckResult("actions", Validity.INVALID, (finding,))


def check_failure(expected: Matches | None, shown: object, evidence: Evidence) -> CheckResult:
    """Return *valid* if the job failed as expected, or did not fail.

    ``shown`` is the expectation as written. *Unknown* for a run that was stopped before it failed.
    """
    failure = evidence.failure
    if failure is None:
        if evidence.job_state == "FAILED":
            finding = Finding("the job failed for an unknown reason", ("agent",), shown, evidence.job_state)
            return CheckResult("failure", Validity.UNKNOWN if expected else Validity.INVALID, (finding,))
        if expected is None:
            # Without a finding, because the check of the end reports that the run was stopped.
            return CheckResult("failure", Validity.VALID if evidence.complete else Validity.UNKNOWN)
        finding = Finding(
            "the job did not fail, although a failure is expected", ("expect", "failure"), shown, evidence.job_state
        )
        return CheckResult("failure", Validity.INVALID if evidence.complete else Validity.UNKNOWN, (finding,))
    if expected is None:
        finding = Finding(f"the job failed: {failure.words}", ("agent",), "no failure", failure.words, key=failure.key)
        return CheckResult("failure", Validity.INVALID, (finding,))
    if not expected.match(failure_text(failure)):
        return CheckResult("failure", Validity.VALID)
    finding = Finding(
        "the job failed with another failure than the expected one",
        ("expect", "failure"),
        shown,
        failure.words,
        key=failure.key,
    )
    return CheckResult("failure", Validity.INVALID, (finding,))


def failure_text(failure: Failure) -> str:
    """Return the text of a failure that expectations are matched against."""
    return f"{failure.message}\n{failure.type}\n{failure.traceback}"
