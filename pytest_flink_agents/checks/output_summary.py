"""The check of outputs that are too many to list: their number, form and difference."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pytest_flink_agents.checks.bounds import CUT_SHORT, Amount, Bounds, combined, judged_amount
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.outputs import NAME, Matches, identity
from pytest_flink_agents.evidence.model import Evidence, Output

_PATH = ("expect", "outputs")
_NAMED = 5


@dataclass(frozen=True, slots=True)
class OutputSummary:
    """Statements on all outputs; ``distinct`` reads the part of a value that differs, as ``of`` says.

    It returns None if a value does not have this part, and raises ``ValueError`` if it cannot be read from the value.
    """

    count: Bounds | None = None
    each: Matches | None = None
    distinct: Callable[[Any], Any] | None = None
    of: str = ""


def check_output_summary(expected: OutputSummary, evidence: Evidence) -> CheckResult:
    """Return *invalid* if there are too many outputs, wrong ones, or two that must differ.

    Without an output, nothing is known of each. In a run that was cut short, *unknown* unless
    something wrong was seen.
    """
    judged = []
    if expected.count is not None:
        amount = Amount("the number of outputs", len(evidence.outputs), CUT_SHORT, final=evidence.complete)
        judged.append(judged_amount(expected.count, amount))
    wrong = [*_unlike(expected, evidence.outputs), *_repeated(expected, evidence.outputs)]
    judged += [(Validity.INVALID, finding) for finding in wrong]
    if not evidence.outputs:
        finding = Finding("no output came", _PATH, "outputs", "none", missing=True)
        judged.append((Validity.INVALID if evidence.complete else Validity.UNKNOWN, finding))
    elif not wrong and not evidence.complete:
        judged.append((Validity.UNKNOWN, Finding(f"more outputs may come: {CUT_SHORT}", _PATH)))
    return combined(NAME, judged)


def _unlike(expected: OutputSummary, outputs: Iterable[Output]) -> list[Finding]:
    if expected.each is None:
        return []
    found: list[Finding] = []
    count = 0
    for number, output in enumerate(outputs, 1):
        deviations = expected.each.match(output.value)
        count += bool(deviations)
        if deviations and len(found) < _NAMED:
            first = deviations[0]
            message = f"output {number} of key {identity(output.key)} is not as expected at {first.place}"
            found.append(Finding(message, (*_PATH, "each"), first.expected_text, output.value, key=output.key))
    if count > _NAMED:
        found.append(Finding(f"and {count - _NAMED} more outputs are not as expected", (*_PATH, "each")))
    return found


def _repeated(expected: OutputSummary, outputs: Iterable[Output]) -> list[Finding]:
    """Return the first outputs whose distinct part an earlier output has, too, or that do not have one."""
    if expected.distinct is None:
        return []
    seen: set[str] = set()
    found: list[Finding] = []
    for number, output in enumerate(outputs, 1):
        message = ""
        try:
            part = expected.distinct(output.value)
        except ValueError as error:
            message = f"{expected.of} cannot be read from output {number} of key {identity(output.key)}: {error}"
        else:
            text = identity(_comparable(part))
            if part is None and output.value is not None:
                message = f"output {number} of key {identity(output.key)} has no {expected.of}"
            elif text in seen:
                message = f"two outputs have the same {expected.of}: {text}"
            seen.add(text)
        if message:
            shown = {"key": output.key, "value": output.value}
            found.append(Finding(message, (*_PATH, "distinct"), "different values", shown, key=output.key))
        if len(found) == _NAMED:
            break
    return found


def _comparable(part: Any) -> Any:
    """Return a value in which an int stands for the float that is equal to it."""
    if isinstance(part, float) and part.is_integer():
        return int(part)
    if isinstance(part, (list, tuple)):
        return [_comparable(one) for one in part]
    return {key: _comparable(one) for key, one in part.items()} if isinstance(part, dict) else part
