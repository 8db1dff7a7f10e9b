"""The check of ERROR lines and crashes in the logs."""

from __future__ import annotations

import string
from collections.abc import Sequence

from flink_testbed.core.patterns import TooSlowError, compile_pattern
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.known_log_lines import BY_FAULT, CLOSED_AT_WORK, KNOWN, LOST_WORKER
from pytest_flink_agents.evidence.model import Evidence, LogError

NAME = "logs"
_PATH = ("expect", "logs")
# A shorter message occurs in too many lines to explain one of them.
_SPECIFIC_CHARACTERS = 8
_SHOWN = 5


def check_logs(allow: Sequence[str] | None, evidence: Evidence) -> CheckResult:
    """Return *invalid* if nothing explains an ERROR line or a crash.

    Explanations are the patterns ``allow`` (None if the scenario has none), the job's own failure,
    lines that Flink writes although nothing is wrong, and those of a fault that was felt. *Unknown* if the scenario has patterns
    but the logs are not accessible, or if a pattern takes too long.
    """
    if evidence.log_errors is None:
        if allow is None:
            return CheckResult(NAME, Validity.VALID)
        return CheckResult(NAME, Validity.UNKNOWN, (Finding("the cluster's logs are not accessible", _PATH),))
    try:
        wrong = [error for error in evidence.log_errors if not _is_explained(error, allow or (), evidence)]
    except TooSlowError as error:
        return CheckResult(NAME, Validity.UNKNOWN, (Finding(str(error), _PATH),))
    path = ("agent",) if allow is None else _PATH
    findings = [
        Finding(
            f"an error was logged in {error.file}: {error.line}",
            path,
            "no ERROR line, or expect: {logs: {allow: [PATTERN]}}",
            error.detail or error.line,
        )
        for error in wrong[:_SHOWN]
    ]
    if len(wrong) > _SHOWN:
        findings.append(Finding(f"and {len(wrong) - _SHOWN} more errors in the logs", path))
    return CheckResult(NAME, Validity.INVALID if wrong else Validity.VALID, tuple(findings))


def _is_explained(error: LogError, allow: Sequence[str], evidence: Evidence) -> bool:
    # Without the job id in front of the message: a job that failed may have logged another error,
    # too.
    text = f"{error.said}\n{error.detail}"
    if any(compile_pattern(pattern).is_found(part) for pattern in allow for part in (error.line, error.detail)):
        return True
    if error.crash:
        return False
    acts = [step.act.rstrip(string.digits) for step in evidence.steps if step.felt or step.interrupted]
    by_faults = [pattern for act in acts for pattern in BY_FAULT.get(act, ())]
    return (
        _is_own_failure(text, evidence)
        or any(compile_pattern(pattern).is_found(error.line) for pattern, _ in KNOWN)
        or (not evidence.restarts and compile_pattern(CLOSED_AT_WORK).is_found(error.line))
        or any(compile_pattern(pattern).is_found(text) for pattern in by_faults)
    )


def lost_worker(errors: Sequence[LogError]) -> tuple[LogError, ...]:
    """Return the entries of TaskManagers that lost a Python worker, none if they only closed connections to it."""
    lines = tuple(one for one in errors if any(compile_pattern(pattern).is_found(one.line) for pattern in LOST_WORKER))
    return () if all(compile_pattern(CLOSED_AT_WORK).is_found(one.line) for one in lines) else lines


def _is_own_failure(text: str, evidence: Evidence) -> bool:
    """Return whether a log entry reports the failure of this job."""
    failure = evidence.failure
    if failure is None:
        return False
    first = failure.message.partition("\n")[0].strip()
    return bool(evidence.job_id and evidence.job_id in text) or (len(first) >= _SPECIFIC_CHARACTERS and first in text)
