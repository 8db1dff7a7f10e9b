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
    try:
        with SearchBudget(_SEARCHES_S):
            return _answer(waiver, results, evidence)
    except TooSlowError:
        return WaiverAnswer.UNKNOWN


def _answer(waiver: Waiver, results: Sequence[CheckResult], evidence: Evidence) -> WaiverAnswer:
    # An announced failure waives its consequences and nothing else. It explains three kinds of
    # results: the announced check; the check of the job's failure, if the job failed as announced;
    # and results that only miss something, if the run ended early because of it. Whatever is left
    # in `others` has another cause.
    announced = waiver.check or FAILURE
    own = next((result for result in results if result.check == announced), None)
    job_failed = _job_failed_as_announced(waiver, evidence)
    cut_short = job_failed or (announced == ENDED and own is not None and own.validity is Validity.INVALID)
    others = [
        result
        for result in results
        if result.check != announced
        and result.validity is not Validity.VALID
        and not (job_failed and result.check == FAILURE)
        and not (cut_short and _only_misses(result))
    ]
    # The order is that of certainty: a proven other failure, then doubts, and a waiver only if
    # nothing else is left. A doubt is never waived, since it may hide another failure.
    if any(result.validity is Validity.INVALID for result in others):
        return WaiverAnswer.OTHER
    if own is None or own.validity is Validity.VALID:
        return WaiverAnswer.UNKNOWN if others else WaiverAnswer.OTHER
    if own.validity is Validity.UNKNOWN or others:
        return WaiverAnswer.UNKNOWN
    return WaiverAnswer.WAIVED if job_failed or _findings_as_announced(waiver, own) else WaiverAnswer.OTHER


def _job_failed_as_announced(waiver: Waiver, evidence: Evidence) -> bool:
    if waiver.failure is None or evidence.failure is None:
        return False
    return not waiver.failure.match(failure_text(evidence.failure))


def _findings_as_announced(waiver: Waiver, result: CheckResult) -> bool:
    """Return whether every finding of the announced check has the announced text.

    Always, if no text is announced.
    """
    if waiver.failure is None:
        return True
    # The findings of this check quote the failure only in part; _job_failed_as_announced() has
    # compared the whole text.
    if result.check == FAILURE:
        return False
    return bool(result.findings) and all(not waiver.failure.match(_text(finding)) for finding in result.findings)


def _only_misses(result: CheckResult) -> bool:
    """Return whether nothing wrong was seen.

    An unknown result without findings is one of a run that was cut short.
    """
    if not result.findings:
        return result.validity is Validity.UNKNOWN
    return all(finding.missing for finding in result.findings)


def _text(finding: Finding) -> str:
    return f"{finding.message}\n{json.dumps(finding.seen, ensure_ascii=False, default=str)}"
