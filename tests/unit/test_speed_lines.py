"""The table of speed lines says what was measured, and nothing else."""

from __future__ import annotations

from bench.speed_lines import KEPT, LINES, MISSED, UNKNOWN, as_json, table


def all_at(factor: float) -> dict[str, float]:
    """Figures in which each measure is its goal times this."""
    return {line.ours: 5000.0 for line in LINES} | {line.measure: line.goal * factor for line in LINES}


def test_a_goal_is_met_or_missed_in_its_own_direction() -> None:
    """Twice the goal keeps the lines that want much, and misses those that want little; half of it the other way round."""
    for line in LINES:
        assert line.verdict(all_at(2)) == (KEPT if line.at_least else MISSED)
        assert line.verdict(all_at(0.5)) == (MISSED if line.at_least else KEPT)
        assert line.verdict(all_at(1)) == KEPT
    assert {line.at_least for line in LINES} == {True, False}


def test_what_was_not_measured_is_never_kept() -> None:
    """An empty run has no verdict but this, in the table and in the data."""
    assert {line.verdict({}) for line in LINES} == {UNKNOWN}
    assert {row["verdict"] for row in as_json({})} == {UNKNOWN}
    assert table({}).count(UNKNOWN) == len(LINES)


def test_each_line_stands_in_the_table_with_its_figures() -> None:
    """Ours, measure, goal and verdict in one row; a line that nobody promised says so."""
    rows = table(all_at(2)).splitlines()
    assert len(rows) == len(LINES) + 1
    assert all(line.text in row and "5,000" in row for line, row in zip(LINES, rows[1:], strict=True) if line.at_least)
    assert sum("no promise" in row for row in rows) == sum(not line.required for line in LINES) > 0
