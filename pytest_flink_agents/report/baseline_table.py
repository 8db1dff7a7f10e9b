"""The figures of a session beside those of its baseline, which every form of the report shows."""

from __future__ import annotations

from typing import NamedTuple

from pytest_flink_agents.checks.bounds import number_text
from pytest_flink_agents.gate import UNITS, ComparedFigure, Figure, Verdict

# All figures are in verdict.json.
_ROWS = 50


class BaselineRow(NamedTuple):
    """One figure of one item, as texts; what is not known is its reason."""

    node_id: str
    figure: str
    before: str
    now: str
    change: str


class BaselineTable(NamedTuple):
    """``name`` is the baseline's, empty without one; the largest increases come first, and ``left_out`` counts the rest."""

    name: str
    rows: tuple[BaselineRow, ...]
    left_out: int


def baseline_table(verdict: Verdict) -> BaselineTable:
    """Return a row for each figure that one of the two sessions has."""
    if verdict.baseline is None:
        return BaselineTable("", (), 0)
    known = [each for each in verdict.compared if {each.before.value, each.now.value} != {None}]
    worst_first = sorted(known, key=_growth, reverse=True)
    rows = tuple(map(_row, worst_first[:_ROWS]))
    return BaselineTable(verdict.baseline.name, rows, len(known) - len(rows))


def _growth(figure: ComparedFigure) -> tuple[int, float]:
    """Return the order of a figure: one that is missing now, then increases by their share."""
    before, now = figure.before.value, figure.now.value
    if before is None or now is None:
        return (2 if now is None else 0, 0.0)
    return 1, (now - before) / before if before else now


def _row(figure: ComparedFigure) -> BaselineRow:
    unit = UNITS[figure.word]
    name = figure.word.replace("_", " ")
    return BaselineRow(figure.node_id, name, _text(figure.before, unit), _text(figure.now, unit), figure.change)


def _text(figure: Figure, unit: str) -> str:
    if figure.value is None:
        return figure.reason or "not known"
    return f"{'' if figure.final else 'at least '}{number_text(figure.value)}{unit}"
