"""The results of scenarios as a table of tiers and versions, which every form of the report shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pytest_flink_agents.gate import ItemResult, Outcome, Verdict
from pytest_flink_agents.vocabulary import Standing

WORDS = {
    **{outcome: outcome.value.replace("_", " ") for outcome in Outcome},
    Outcome.WAIVED: "fails as known",
}


class Row(NamedTuple):
    """A scenario: its name, the values of the table's further columns, and its results by column."""

    name: str
    about: tuple[str, ...]
    cells: Mapping[str, ItemResult]


class ScenarioTable(NamedTuple):
    """``given`` names the columns of requirement and owner that a scenario has, ``columns`` tiers and versions."""

    given: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def scenario_table(results: Sequence[ItemResult]) -> ScenarioTable:
    """Return a row for each scenario, in the order of its first result; plain tests have none."""
    scenarios = [result for result in results if result.tier]
    rows: dict[tuple[str, str], dict[str, ItemResult]] = {}
    for result in scenarios:
        rows.setdefault((result.file, result.name), {})[column_of(result)] = result
    given = tuple(field for field in ("requirement", "owner") if any(getattr(result, field) for result in scenarios))
    return ScenarioTable(
        given,
        tuple(dict.fromkeys(map(column_of, scenarios))),
        tuple(Row(name, tuple(_first(field, cells) for field in given), cells) for (_, name), cells in rows.items()),
    )


class PromiseRow(NamedTuple):
    """A run with faults, and how each promise of the table's columns stands; None if it says nothing of one."""

    name: str
    standings: tuple[Standing | None, ...]


class PromiseTable(NamedTuple):
    """``columns`` are promises; ``reasons`` say why one is broken or unknown."""

    columns: tuple[str, ...]
    rows: tuple[PromiseRow, ...]
    reasons: tuple[str, ...]


def promise_table(results: Sequence[ItemResult]) -> PromiseTable:
    """Return a row for each run with faults: its scenario, tier, version and engine."""
    tested = [result for result in results if result.promises]
    columns = tuple(dict.fromkeys(promise.name for result in tested for promise in result.promises))
    rows, reasons = [], []
    for result in tested:
        name = f"{result.name} ({column_of(result)}, {result.engine})"
        standings = {promise.name: promise.standing for promise in result.promises}
        rows.append(PromiseRow(name, tuple(map(standings.get, columns))))
        doubts = [one for one in result.promises if one.standing in (Standing.BROKEN, Standing.UNKNOWN)]
        reasons += [f"{name}: {one.name} {one.standing}: {one.reason}" for one in doubts]
    return PromiseTable(columns, tuple(rows), tuple(reasons))


class ComparedRuns(NamedTuple):
    """A run beside another one: its item, the result in one line with remarks and figures, and the differences."""

    node_id: str
    lines: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def compared_runs(results: Sequence[ItemResult], rows: int) -> list[ComparedRuns]:
    """Return every comparison with at most so many ``rows`` of it; those with differences come first."""
    found = [
        ComparedRuns(
            result.node_id,
            (
                f"{one.candidate} beside {one.baseline}: {one.summary}",
                *one.remarks,
                *(f"{name}: {before} -> {after}" for name, before, after in one.figures),
                *_more(len(one.rows) - rows + one.left_out if len(one.rows) > rows else one.left_out),
            ),
            ("key", "record", "place", one.baseline, one.candidate),
            tuple(
                (row.key, row.record or row.aspect, row.place, row.baseline, row.candidate) for row in one.rows[:rows]
            ),
        )
        for result in results
        for one in result.comparisons
    ]
    return sorted(found, key=lambda each: not each.rows)


def _more(count: int) -> list[str]:
    return [f"{count} more differences, see report.json"] if count > 0 else []


def counts_of(verdict: Verdict) -> str:
    """Return the number of items by outcome, in words."""
    counts = (f"{count} {name.replace('_', ' ')}" for name, count in verdict.counts.items() if count)
    return ", ".join(counts) or "nothing ran"


def column_of(result: ItemResult) -> str:
    """Return the column of a result: its tier and version."""
    return f"{result.tier}-{result.flink_version}"


def _first(field: str, cells: Mapping[str, ItemResult]) -> str:
    return next((value for cell in cells.values() if (value := getattr(cell, field))), "")
