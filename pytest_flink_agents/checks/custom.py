"""A check that a plugin or a conftest.py of the project adds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.evidence.model import Evidence

# Returns what is wrong, one sentence each; None if the evidence does not suffice to say.
CustomCheck: TypeAlias = Callable[[Evidence], Iterable[str] | None]


def check_custom(name: str, check: CustomCheck, evidence: Evidence) -> CheckResult:
    """Return the result of an added check.

    It can make a run *invalid* or *unknown*, and never undoes what another check has found. ``evidence`` is lent to it alone:
    what it changes in a value is not evidence. Raises ``TypeError`` for anything but sentences, which makes it *unknown*, too.
    """
    said = check(evidence)
    if said is None:
        return CheckResult(name, Validity.UNKNOWN, (Finding(f"{name}: the evidence does not suffice"),))
    if isinstance(said, str) or not isinstance(said, Iterable):
        raise TypeError(f"expected a list of sentences or None, seen {type(said).__name__}")
    findings = []
    for sentence in said:
        if not isinstance(sentence, str):
            raise TypeError(f"expected sentences, seen {type(sentence).__name__}")
        findings.append(Finding(f"{name}: {sentence}"))
    return CheckResult(name, Validity.INVALID if findings else Validity.VALID, tuple(findings))
