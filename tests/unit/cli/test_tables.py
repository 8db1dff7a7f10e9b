"""Every table of the terminal fits 80 columns, whatever is in it."""

from __future__ import annotations

import pytest

from pytest_flink_agents.cli.doctor.command import as_lines
from pytest_flink_agents.cli.trend import Session, lines_of
from pytest_flink_agents.compare.sides import Comparison, Row
from pytest_flink_agents.report.side_by_side import side_by_side

WIDTH = 80
LONG = "a value that is much longer than any column " * 9
SESSION = Session(
    name="20261130T150618Z-5f5e7f",
    started="2026-11-30T15:06:18+00:00",
    verdict="inconclusive",
    commit="0123456789ab",
    ran=100_000,
    passed=99_999,
    failed=1,
    flaky=(),
    latency_p95=86_400_000.0,
)


def tables() -> dict[str, list[str]]:
    rows = (Row(LONG, "outputs", "output 1", LONG, LONG, LONG),)
    comparison = Comparison("baseline", "candidate", rows=rows)
    return {
        "trend": lines_of([SESSION] * 3, []),
        "doctor": as_lines([]).splitlines(),
        "side by side": side_by_side(comparison),
    }


@pytest.mark.parametrize("name", tables())
def test_a_table_fits_eighty_columns(name: str) -> None:
    lines = tables()[name]
    assert len(lines) > 2
    assert [line for line in lines if len(line) > WIDTH] == []
