"""Each known defect is red, by the check and in the words that a user would see; without it all is green."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import pytest

from tests.known_bugs.defects import ON_FLINK, ON_LOCAL, Defect
from tests.known_bugs.session import Session, run_session

_ON_FLINK = pytest.mark.slow
_CASES = [
    *(pytest.param("local", defect, id=defect.name) for defect in ON_LOCAL),
    *(pytest.param("embedded", defect, id=defect.name, marks=_ON_FLINK) for defect in ON_FLINK),
]
_TIERS = [
    pytest.param("local", ON_LOCAL, id="local"),
    pytest.param("embedded", ON_FLINK, id="embedded", marks=_ON_FLINK),
]


@pytest.fixture(scope="module")
def session_on(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Session]:
    """Return the session with the scenarios of a tier, which runs once."""
    return lru_cache(lambda tier: run_session(tmp_path_factory.mktemp(tier), tier))


@pytest.mark.parametrize(("tier", "defect"), _CASES)
def test_a_defect_turns_its_check_red(session_on: Callable[[str], Session], tier: str, defect: Defect) -> None:
    session = session_on(tier)
    assert {validity for validity, _ in session.findings(defect.scenario).values()} == {"valid"}
    validity, said = session.findings(defect.scenario, defect.name)[defect.check]
    assert validity == "invalid"
    assert defect.sentence in said


@pytest.mark.parametrize(("tier", "defects"), _TIERS)
def test_the_gate_blocks_for_nothing_but_the_defects(
    session_on: Callable[[str], Session], tier: str, defects: tuple[Defect, ...]
) -> None:
    session = session_on(tier)
    counts = {outcome: count for outcome, count in session.verdict["counts"].items() if count}
    assert session.verdict["verdict"] == "block"
    assert counts == {"failed": len(defects), "passed": len({defect.scenario for defect in defects})}
