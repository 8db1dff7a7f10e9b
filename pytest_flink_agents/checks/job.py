"""Whether the job itself went as expected: it ended in time, and failed only if it was to fail."""

from __future__ import annotations

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.outputs import Matches
from pytest_flink_agents.evidence.model import Evidence, Failure


def check_ended(evidence: Evidence, within_s: float) -> CheckResult:
    """The job ended by itself, or had done all it was to do, within its time.

    A state that is neither running nor ended leaves it unknown.
    """
    if not evidence.started:
        seen = evidence.log_tail.partition("\n")[0] or evidence.job_state
        message = "the job did not start in time: nothing is known of what it does"
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
    finding = Finding(
        "how the job ended is not known", ("within",), "FINISHED or FAILED", evidence.job_state or "no state"
    )
    return CheckResult("ended", Validity.UNKNOWN, (finding,))


def check_failure(expected: Matches | None, shown: object, evidence: Evidence) -> CheckResult:
    """The job failed exactly if ``expected`` says so, and then with a message that matches.

    A run that was cut short before it failed does not tell whether it would have.
    """
    failure = evidence.failure
    if failure is None:
        if evidence.job_state == "FAILED":
            finding = Finding("the job failed, and why is not known", ("agent",), shown, evidence.job_state)
            return CheckResult("failure", Validity.UNKNOWN if expected else Validity.INVALID, (finding,))
        if expected is None:
            # Without a finding: that the run was cut short is told by the check for its end.
            return CheckResult("failure", Validity.VALID if evidence.complete else Validity.UNKNOWN)
        finding = Finding("the job was to fail, and did not", ("expect", "failure"), shown, evidence.job_state)
        return CheckResult("failure", Validity.INVALID if evidence.complete else Validity.UNKNOWN, (finding,))
    if expected is None:
        finding = Finding(f"the job failed: {failure.words}", ("agent",), "no failure", failure.words, key=failure.key)
        return CheckResult("failure", Validity.INVALID, (finding,))
    if not expected.match(failure_text(failure)):
        return CheckResult("failure", Validity.VALID)
    finding = Finding(
        "the job failed in another way than expected", ("expect", "failure"), shown, failure.words, key=failure.key
    )
    return CheckResult("failure", Validity.INVALID, (finding,))


def failure_text(failure: Failure) -> str:
    """All that a scenario's author may have in mind when they name a failure."""
    return f"{failure.message}\n{failure.type}\n{failure.traceback}"
