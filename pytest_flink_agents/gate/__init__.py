"""The gate: results under a policy -> promote, block or inconclusive. Pure."""

from pytest_flink_agents.gate.policy import Policy, Selection
from pytest_flink_agents.gate.repeat import RunCounts
from pytest_flink_agents.gate.result import ItemResult, Outcome, merge_attempts
from pytest_flink_agents.gate.verdict import (
    EXIT_CODES,
    Reason,
    ReasonKind,
    Verdict,
    VerdictKind,
    Waiver,
    add_reason,
    decide,
    exit_code,
    report_not_written,
)

__all__ = [
    "EXIT_CODES",
    "ItemResult",
    "Outcome",
    "Policy",
    "Reason",
    "ReasonKind",
    "RunCounts",
    "Selection",
    "Verdict",
    "VerdictKind",
    "Waiver",
    "add_reason",
    "decide",
    "exit_code",
    "merge_attempts",
    "report_not_written",
]
