"""The check of the calls to the scripted model."""

from __future__ import annotations

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.evidence.model import Evidence


def check_model_calls(evidence: Evidence) -> CheckResult:
    """Return *invalid* if a call to the model matched no rule.

    The agent may have caught the resulting error. Never *unknown*, because the server records each
    call before it answers.
    """
    findings = tuple(
        Finding(
            "the model got a request that no rule of the script answers",
            ("llm", "script"),
            "a rule that matches",
            call.nearest,
        )
        for call in evidence.model_calls
        if call.nearest
    )
    return CheckResult("model calls", Validity.INVALID if findings else Validity.VALID, findings)
