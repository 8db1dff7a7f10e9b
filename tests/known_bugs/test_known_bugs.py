"""Each known defect is red, by the check and in the words that a user would see; without it all is green."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import pytest

from tests.known_bugs.defects import NONE, OF_FLINK, OF_LOCAL, Defect
from tests.known_bugs.session import LOCAL, ON_FLINK, Plan, Session, run_project

SessionOf = Callable[[Plan], Session]
_SLOW = pytest.mark.slow
_CASES = [
    *(pytest.param(LOCAL, defect, id=defect.name) for defect in OF_LOCAL),
    *(pytest.param(ON_FLINK, defect, id=defect.name, marks=_SLOW) for defect in OF_FLINK),
]
_PLANS = [pytest.param(LOCAL, OF_LOCAL, id="local"), pytest.param(ON_FLINK, OF_FLINK, id="Flink", marks=_SLOW)]


@pytest.fixture(scope="module")
def session_of(tmp_path_factory: pytest.TempPathFactory) -> SessionOf:
    """Return the session of a plan, which runs once."""
    return lru_cache(lambda plan: run_project(plan, tmp_path_factory.mktemp(plan.tier)))


@pytest.mark.parametrize(("plan", "defect"), _CASES)
def test_a_defect_turns_its_check_red(session_of: SessionOf, plan: Plan, defect: Defect) -> None:
    session = session_of(plan)
    without = session.findings(f"{defect.scenario}[bug={NONE}]")
    assert {validity for validity, _ in without.values()} == {"valid"}
    validity, said = session.findings(f"{defect.scenario}[bug={defect.name}]")[defect.shown.check]
    assert validity == "invalid"
    assert defect.shown.sentence in said


@pytest.mark.parametrize(("plan", "defects"), _PLANS)
def test_the_gate_blocks_for_nothing_but_the_defects(
    session_of: SessionOf, plan: Plan, defects: tuple[Defect, ...]
) -> None:
    session = session_of(plan)
    assert session.verdict["verdict"] == "block"
    assert session.counts == {"failed": len(defects), "passed": len({defect.scenario for defect in defects})}
