"""The known failure of a scenario against the results of its checks."""

from __future__ import annotations

import enum
import json
from collections.abc import Sequence
from dataclasses import dataclass

from flink_testbed.core.patterns import SearchBudget, TooSlowError
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.job import failure_text
from pytest_flink_agents.checks.outputs import Matches
from pytest_flink_agents.evidence.failed_run import FailedCheck, FailedFinding, FailedRun
from pytest_flink_agents.evidence.model import Evidence

_SEARCHES_S = 5.0
FAILURE, ENDED = "failure", "ended"


class WaiverAnswer(enum.Enum):
    """The outcome of a run whose scenario has a known failure."""

    WAIVED = "failed exactly as announced"
    PASSED = "passed although a failure is announced"
    OTHER = "failed in another way than announced"
    UNKNOWN = "may have failed in another way than announced"


@dataclass(frozen=True, slots=True)
class Waiver:
    """A failure that is announced by name.

    The name is a check, the text of the failure, or both. With a check, ``failure`` must match
    every finding of it, or the job's failure. Without one it is the job's failure.
    """

    check: str | None = None
    failure: Matches | None = None


def waiver_answer(waiver: Waiver, results: Sequence[CheckResult], evidence: Evidence) -> WaiverAnswer:
    """Return whether the checks failed as announced, and in no other way.

    A job that fails, or misses its deadline, yields fewer outputs, so results that only miss
    something belong to that failure. Everything else that is invalid is another failure, which is
    never waived.
    """
    if all(result.validity is Validity.VALID for result in results) and results:
        return WaiverAnswer.PASSED
    return answer_to_failure(waiver, failed_run(results, evidence))


def failed_run(results: Sequence[CheckResult], evidence: Evidence) -> FailedRun:
    """Return the checks that are not valid, and the failure of the job."""
    checks = (
        FailedCheck(
            result.check,
            result.validity is Validity.INVALID,
            tuple(FailedFinding(_text(finding), finding.missing) for finding in result.findings),
        )
        for result in results
        if result.validity is not Validity.VALID
    )
    return FailedRun(tuple(checks), failure_text(evidence.failure) if evidence.failure else None)


def answer_to_failure(waiver: Waiver, failed: FailedRun) -> WaiverAnswer:
    """Return whether a run failed as announced, and in no other way."""
    try:
        with SearchBudget(_SEARCHES_S):
            return _answer(waiver, failed)
    except TooSlowError:
        return WaiverAnswer.UNKNOWN


def _answer(waiver: Waiver, failed: FailedRun) -> WaiverAnswer:
    # An announced failure waives its consequences and nothing else. It explains three kinds of
    # checks: the announced one; the check of the job's failure, if the job failed as announced;
    # and checks that only miss something, if the run ended early because of it. Whatever is left
    # in `others` has another cause.
    announced = waiver.check or FAILURE
    own = next((one for one in failed.checks if one.check == announced), None)
    job_failed = _job_failed_as_announced(waiver, failed)
    cut_short = job_failed or (announced == ENDED and own is not None and own.invalid)
    others = [
        one
        for one in failed.checks
        if one.check != announced
        and not (job_failed and one.check == FAILURE)
        and not (cut_short and _only_misses(one))
    ]
    # The order is that of certainty: a proven other failure, then doubts, and a waiver only if
    # nothing else is left. A doubt is never waived, since it may hide another failure.
    if any(one.invalid for one in others):
        return WaiverAnswer.OTHER
    if own is None:
        return WaiverAnswer.UNKNOWN if others else WaiverAnswer.OTHER
    if not own.invalid or others:
        return WaiverAnswer.UNKNOWN
    return WaiverAnswer.WAIVED if job_failed or _findings_as_announced(waiver, own) else WaiverAnswer.OTHER


def _job_failed_as_announced(waiver: Waiver, failed: FailedRun) -> bool:
    if waiver.failure is None or failed.job_failure is None:
        return False
    return not waiver.failure.match(failed.job_failure)


def _findings_as_announced(waiver: Waiver, check: FailedCheck) -> bool:
    """Return whether every finding of the announced check has the announced text.

    Always, if no text is announced.
    """
    if waiver.failure is None:
        return True
    # The findings of this check quote the failure only in part; _job_failed_as_announced() has
    # compared the whole text.
    if check.check == FAILURE:
        return False
    return bool(check.findings) and all(not waiver.failure.match(finding.text) for finding in check.findings)


def _only_misses(check: FailedCheck) -> bool:
    """Return whether nothing wrong was seen.

    An unknown check without findings is one of a run that was cut short.
    """
    if not check.findings:
        return not check.invalid
    return all(finding.missing for finding in check.findings)


def _text(finding: Finding) -> str:
    return f"{finding.message}\n{json.dumps(finding.seen, ensure_ascii=False, default=str)}"
