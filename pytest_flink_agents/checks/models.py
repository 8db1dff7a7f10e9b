"""Whether the script of the model answered every call."""

from __future__ import annotations

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.evidence.model import Evidence


def check_model_calls(evidence: Evidence) -> CheckResult:
    """No call stayed without a rule, also where the agent swallowed the error.

    Never unknown: the server records a call before it answers, so what is not recorded was not called.
    """
    findings = tuple(
        Finding(
            "the model was asked something that no rule of the script answers",
            ("llm", "script"),
            "a rule that matches",
            call.nearest,
        )
        for call in evidence.model_calls
        if call.nearest
    )
    return CheckResult("model calls", Validity.INVALID if findings else Validity.VALID, findings)
