"""Whether the cluster logged an error that nobody expects."""

from __future__ import annotations

from collections.abc import Sequence

from flink_testbed.core.patterns import TooSlowError, compile_pattern
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.known_log_lines import KNOWN
from pytest_flink_agents.evidence.model import Evidence, LogError

NAME = "logs"
_PATH = ("expect", "logs")
# A shorter message stands in too many lines to explain one.
_TELLING = 8
_SHOWN = 5


def check_logs(allow: Sequence[str] | None, evidence: Evidence) -> CheckResult:
    """No ERROR line and no crash, but for what ``allow`` (patterns; None where nothing is said) or the job's failure explains.

    Unknown where the logs are out of reach although the scenario speaks of them, or where a pattern takes too long.
    """
    if evidence.log_errors is None:
        if allow is None:
            return CheckResult(NAME, Validity.VALID)
        return CheckResult(NAME, Validity.UNKNOWN, (Finding("the cluster's logs are out of reach", _PATH),))
    try:
        wrong = [error for error in evidence.log_errors if not _is_explained(error, allow or (), evidence)]
    except TooSlowError as error:
        return CheckResult(NAME, Validity.UNKNOWN, (Finding(str(error), _PATH),))
    path = ("agent",) if allow is None else _PATH
    findings = [
        Finding(
            f"the cluster logged an error in {error.file}: {error.line}",
            path,
            "no ERROR line, or expect: {logs: {allow: [PATTERN]}}",
            error.detail or error.line,
        )
        for error in wrong[:_SHOWN]
    ]
    if len(wrong) > _SHOWN:
        findings.append(Finding(f"and {len(wrong) - _SHOWN} more errors in the cluster's logs", path))
    return CheckResult(NAME, Validity.INVALID if wrong else Validity.VALID, tuple(findings))


def _is_explained(error: LogError, allow: Sequence[str], evidence: Evidence) -> bool:
    # What the line says, not what it is marked with: a job may have failed and logged something else besides.
    text = f"{error.said}\n{error.detail}"
    if any(compile_pattern(pattern).is_found(part) for pattern in allow for part in (error.line, error.detail)):
        return True
    if error.crash:
        return False
    return _is_own_failure(text, evidence) or any(compile_pattern(known).is_found(error.line) for known, _ in KNOWN)


def _is_own_failure(text: str, evidence: Evidence) -> bool:
    """Whether it speaks of the failure of this very job, of which another check judges."""
    failure = evidence.failure
    if failure is None:
        return False
    first = failure.message.partition("\n")[0].strip()
    return bool(evidence.job_id and evidence.job_id in text) or (len(first) >= _TELLING and first in text)
