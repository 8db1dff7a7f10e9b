"""The checks of how well a job does what it does.

Only these may be lowered by a policy: a job that does something wrong is never only worth a warning.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from pytest_flink_agents.checks.finding import CheckResult, Validity

QualityCheck = Literal[
    "llm",
    "tokens",
    "cost",
    "latency",
    "metrics",
    "checkpoints",
    "restarts",
    "recovery",
    "throughput",
    "logs",
    "unused rules",
]
QUALITY_CHECKS: frozenset[str] = frozenset(get_args(QualityCheck))


def does_right(results: Iterable[CheckResult]) -> bool:
    """Return whether every check is valid, besides those of how well the job does it."""
    return all(result.validity is Validity.VALID or result.check in QUALITY_CHECKS for result in results)
