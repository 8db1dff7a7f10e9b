"""The fault scenarios on upstream's own operator, flink-agents 0.1.1 on Flink 1.20: which promises it keeps.

The report says so, and is compared with what is known of that release: an action that waits in an asynchronous
call is not restored from a checkpoint (#508), and the action state store fails at its first action, if its topic was
listed in time.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.known_bugs.session import Plan, run_pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FILES = ("tests/fault_scenarios/till.scenario.yaml", "tests/fault_scenarios/payment.scenario.yaml")
# Without the scenario that runs three times, since on this release no checkpoint completes while its last action waits;
# and without the TaskManager that wakes up, whose agent is of 0.3.
UPSTREAM = ("--flink-agents=0.1.1", "--flink-engine=upstream", "-k", "not waits and not wakes")
PLAN = Plan(" ".join(FILES), "embedded", "1.20.3", UPSTREAM)
PLACE = f" ({PLAN.tier}-{PLAN.flink}, upstream)"


class Row(NamedTuple):
    """The row of a scenario in the table of promises, in the order of its columns."""

    outputs: str
    actions: str
    state: str
    live: str


# Of a job that began anew, of one that nothing interrupted, of one that was restored from a checkpoint without a
# waiting action, and of one that was restored from another, and failed for ever.
ANEW, UNINTERRUPTED = Row("kept", "not promised", "unknown", "kept"), Row("kept", "not promised", "unknown", "unknown")
RESTORED = Row("kept", "not promised", "kept", "kept")
LOST = Row("unknown", "not promised", "kept", "broken")
WITH_STORE = Row("unknown", "unknown", "unknown", "broken")
# If there are several, it depends on the moments at which checkpoints complete.
KNOWN = {
    "totals survive the loss of a TaskManager": {ANEW, RESTORED, LOST},
    "totals survive the loss of the JobManager": {ANEW, RESTORED, LOST},
    "a short pause and a broker": {UNINTERRUPTED, ANEW, RESTORED, LOST},
    "totals survive the loss of the Python workers": {RESTORED, LOST},
    "a job goes on although checkpoints fail that are tolerated": {UNINTERRUPTED},
    "a job is restored after a checkpoint failed that is not tolerated": {LOST},
    "a payment is made once although a TaskManager dies": {WITH_STORE},
    "without an action state store a payment is made again": {ANEW},
}


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> str:
    report = run_pytest(ROOT, PLAN, tmp_path_factory.mktemp("of_0_1"))
    return (report / "summary.md").read_text(encoding="utf-8")


def promises_in(summary: str) -> dict[str, Row]:
    """Return the table of promises in a ``summary.md``, by scenario."""
    table = summary.partition("## Promises under faults\n\n")[2].partition("\n\n")[0].splitlines()
    header, _, *rows = ([cell.strip(" *") for cell in line.strip("|").split("|")] for line in table)
    assert header == ["scenario", "outputs exactly once", "actions exactly once", "state restored", "live again"]
    assert [cells[0] for cells in rows if not cells[0].endswith(PLACE)] == []
    return {cells[0].removesuffix(PLACE): Row(*cells[1:]) for cells in rows}


def test_the_report_says_which_promises_it_keeps(summary: str) -> None:
    found = promises_in(summary)
    assert set(found) == set(KNOWN)
    assert {name: row for name, row in found.items() if row not in KNOWN[name]} == {}


def test_the_report_says_why_it_does_not_keep_one(summary: str) -> None:
    assert "live again broken: the job failed for good after" in summary
    assert "AttributeError: 'NoneType' object has no attribute 'generator'" in summary
    assert f"a payment is made once although a TaskManager dies{PLACE}: live again broken: the job " in summary
