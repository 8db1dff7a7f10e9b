"""The table of goals shows measured figures only."""

from __future__ import annotations

from bench.speed_lines import LINES, MET, MISSED, UNKNOWN, as_json, regressions, table


def all_at(factor: float) -> dict[str, float]:
    """Return figures in which each measure is its goal times ``factor``."""
    return {line.ours: 5000.0 for line in LINES} | {line.measure: line.goal * factor for line in LINES}


def test_a_goal_is_met_or_missed_in_its_own_direction() -> None:
    for line in LINES:
        assert line.verdict(all_at(2)) == (MET if line.is_minimum else MISSED)
        assert line.verdict(all_at(0.5)) == (MISSED if line.is_minimum else MET)
        assert line.verdict(all_at(1)) == MET
    assert {line.is_minimum for line in LINES} == {True, False}


def test_a_goal_without_a_measure_is_never_met() -> None:
    assert {line.verdict({}) for line in LINES} == {UNKNOWN}
    assert {row["verdict"] for row in as_json({})} == {UNKNOWN}
    assert table({}).count(UNKNOWN) == len(LINES)


def test_each_goal_is_a_row_of_the_table() -> None:
    rows = table(all_at(2)).splitlines()
    assert len(rows) == len(LINES) + 1
    assert all(
        line.text in row and "5,000" in row for line, row in zip(LINES, rows[1:], strict=True) if line.is_minimum
    )
    assert sum("no promise" in row for row in rows) == sum(not line.required for line in LINES) > 0


def test_a_ratio_over_a_tenth_worse_is_named_in_its_own_direction() -> None:
    before = all_at(1)
    for factor, named_if_minimum in ((0.89, True), (1.11, False)):
        named = regressions(before, all_at(factor))
        expected = [line for line in LINES if "ratio" in line.measure and line.is_minimum is named_if_minimum]
        assert len(named) == len(expected) > 0
        assert all(
            text.startswith(line.text) and "11% worse" in text for text, line in zip(named, expected, strict=True)
        )
    assert regressions(before, all_at(0.91)) == regressions(before, all_at(1.09)) == []


def test_a_ratio_that_one_run_lacks_is_not_compared() -> None:
    assert regressions(all_at(1), {}) == regressions({}, all_at(0.5)) == []
