"""The gate: results under a policy -> promote, block or inconclusive. Pure."""

from pytest_flink_agents.gate.baseline import ComparedFigure
from pytest_flink_agents.gate.policy import (
    Baseline,
    History,
    Increase,
    KnownFailure,
    Limit,
    Policy,
    Rules,
    Screening,
    Selection,
)
from pytest_flink_agents.gate.reason import Reason, ReasonKind
from pytest_flink_agents.gate.repeat import RunCounts
from pytest_flink_agents.gate.result import UNITS, Figure, ItemResult, Outcome, largest_figures, merge_attempts
from pytest_flink_agents.gate.rules import Answer, RuleAnswer
from pytest_flink_agents.gate.screening import history_of
from pytest_flink_agents.gate.shard import Shard
from pytest_flink_agents.gate.verdict import (
    EXIT_CODES,
    FAILS_THE_SESSION,
    Verdict,
    VerdictKind,
    Waiver,
    add_reason,
    decide,
    doubtful,
    exit_code,
    files_changed,
    inconclusive,
    no_answer,
    report_not_trusted,
    report_not_written,
)

__all__ = [
    "EXIT_CODES",
    "FAILS_THE_SESSION",
    "UNITS",
    "Answer",
    "Baseline",
    "ComparedFigure",
    "Figure",
    "History",
    "Increase",
    "ItemResult",
    "KnownFailure",
    "Limit",
    "Outcome",
    "Policy",
    "Reason",
    "ReasonKind",
    "RuleAnswer",
    "Rules",
    "RunCounts",
    "Screening",
    "Selection",
    "Shard",
    "Verdict",
    "VerdictKind",
    "Waiver",
    "add_reason",
    "decide",
    "doubtful",
    "exit_code",
    "files_changed",
    "history_of",
    "inconclusive",
    "largest_figures",
    "merge_attempts",
    "no_answer",
    "report_not_trusted",
    "report_not_written",
]
