"""Bounds of a number, and the judgement of a number that was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity

Path = tuple[str | int, ...]
# The reason for doubt about a run that is not complete.
CUT_SHORT = "the run was cut short"


@dataclass(frozen=True, slots=True)
class Bounds:
    """The smallest and the largest number that is allowed; ``path`` is their place."""

    path: Path
    minimum: float | None = None
    maximum: float | None = None

    @property
    def text(self) -> str:
        """The bounds in words."""
        if self.minimum is not None and self.minimum == self.maximum:
            return f"exactly {number_text(self.minimum)}"
        low = f"at least {number_text(self.minimum)}" if self.minimum is not None else ""
        high = f"at most {number_text(self.maximum)}" if self.maximum is not None else ""
        return " and ".join(filter(None, (low, high)))


@dataclass(frozen=True, slots=True)
class Amount:
    """A measured number, or the reason why there is none.

    ``final`` is False if the number may be larger than measured, for the same ``reason``; it is never
    smaller. ``unit`` follows the number in texts, with any remark on it.
    """

    name: str
    value: float | None
    reason: str = ""
    final: bool = True
    key: Any = None
    unit: str = ""


def number_text(value: float) -> str:
    """Return a number without an exponent, with at most six places."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def judged_amount(bounds: Bounds, amount: Amount) -> tuple[Validity, Finding | None]:
    """Return the validity of an amount, with a finding unless it is valid."""
    name, value = amount.name, amount.value
    if value is None or math.isnan(value):
        reason = amount.reason if value is None else "it is not a number"
        return Validity.UNKNOWN, Finding(f"{name} is not known: {reason}", bounds.path, bounds.text, "unknown")
    seen = number_text(value)
    finding = Finding(f"{name} is {seen}{amount.unit}", bounds.path, bounds.text, seen, key=amount.key)
    if bounds.maximum is not None and value > bounds.maximum:
        return Validity.INVALID, finding
    too_few = bounds.minimum is not None and value < bounds.minimum
    if too_few:
        missing = Finding(finding.message, finding.path, finding.expected, finding.seen, finding.key, missing=True)
        return (Validity.INVALID if amount.final else Validity.UNKNOWN), missing
    if amount.final or bounds.maximum is None:
        return Validity.VALID, None
    more = Finding(f"{finding.message}, and may be more: {amount.reason}", finding.path, finding.expected, finding.seen)
    return Validity.UNKNOWN, more


def check_amounts(name: str, pairs: list[tuple[Bounds, Amount]]) -> CheckResult:
    """Return the result of the check ``name`` over several amounts, each with its bounds."""
    judged = [judged_amount(bounds, amount) for bounds, amount in pairs]
    return combined(name, judged)


def combined(name: str, judged: list[tuple[Validity, Finding | None]]) -> CheckResult:
    """Return one result for several judgements.

    If any is invalid, the result has the findings of the invalid ones only.
    """
    validities = {validity for validity, _ in judged}
    for worst in (Validity.INVALID, Validity.UNKNOWN):
        if worst in validities:
            findings = tuple(finding for validity, finding in judged if validity is worst and finding is not None)
            return CheckResult(name, worst, findings)
    return CheckResult(name, Validity.VALID)
