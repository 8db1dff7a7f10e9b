"""The parity suite's own eyes: they must see a difference, and say where."""

from __future__ import annotations

import ast
import dataclasses
import json
from pathlib import Path

import pytest

from tests.parity.cases import (
    Case,
    Failure,
    KnownDifference,
    Seen,
    judged,
    load_cases,
    load_known_differences,
    load_not_applicable,
    problems,
    side_by_side,
)

CASE = Case(
    name="a case",
    agent="a:B",
    inputs=((1, {}), ("1", {})),
    expected={"1": {"events": ["_input_event"], "actions": ["x"], "memory": [{"n": 1}], "outputs": [7]}, '"1"': {}},
)
EVENTS = [("_input_event", {"input": {"key": 1}})]
JOURNAL = [{"key": 1, "action": "x"}, {"key": 1, "memory": {"n": 1}}, {"key": "a call", "action": "begins"}]


@pytest.fixture
def journal(tmp_path: Path):
    def write(lines: list[dict[str, object]]) -> Path:
        path = tmp_path / "journal"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path

    return write


def test_a_history_as_expected_has_no_problems(journal) -> None:
    """Events are told apart by the keys they carry, 1 and "1" are two keys, and strangers in the journal do not count."""
    assert problems(CASE, Seen(EVENTS, [(1, 7)], None), journal(JOURNAL)) == []


@pytest.mark.parametrize(
    ("events", "outputs", "lines", "told"),
    [
        ([], [(1, 7)], JOURNAL, "key 1, events"),
        ([*EVENTS, *EVENTS], [(1, 7)], JOURNAL, "key 1, events"),
        (EVENTS, [("1", 7)], JOURNAL, "key 1, outputs"),
        (EVENTS, [(1, "7")], JOURNAL, "key 1, outputs"),
        (EVENTS, [(1, 7)], JOURNAL[1:], "key 1, actions"),
        (EVENTS, [(1, 7)], JOURNAL[:1], "key 1, memory"),
        (EVENTS, [(1, 7)], [{"key": "1", "action": "y"}, *JOURNAL], 'key "1", actions'),
    ],
)
def test_each_section_is_compared(events, outputs, lines, told, journal) -> None:
    """Whatever is missing, doubled, another value or under another key is told with its key and section."""
    assert any(found.startswith(told) for found in problems(CASE, Seen(events, outputs, None), journal(lines)))


def test_failures_are_compared(tmp_path: Path) -> None:
    """An unexpected failure, a missing one, and one of another action, key or text."""
    fails = Case("f", "a:B", (("a", {}),), {'"a"': {}}, fails=Failure("act", "a", "no"))
    as_told = {"action": "act", "key": "a", "message": "oh no"}
    nowhere = tmp_path / "none"
    assert problems(fails, Seen([], [("a", "not committed on Flink")], as_told), nowhere) == []
    assert "did not fail" in problems(fails, Seen([], [], None), nowhere)[0]
    for other in ({"action": "other"}, {"key": "b"}, {"message": "yes"}):
        assert "failed otherwise" in problems(fails, Seen([], [], as_told | other), nowhere)[0]
    plain = Case("p", "a:B", (("a", {}),), {'"a"': {}})
    assert problems(plain, Seen([], [], as_told), nowhere)[0].startswith("it failed: ")


def test_two_sequences_side_by_side() -> None:
    """A mark stands where they part, and where one of them has ended."""
    lines = side_by_side(["same", "mine"], ["same", "theirs", "more"]).splitlines()
    assert [line.split() for line in lines] == [
        ["expected", "seen"],
        ['"same"', '"same"'],
        ['"mine"', "|", '"theirs"'],
        ["-", "|", '"more"'],
    ]


def test_a_known_difference_must_be_there() -> None:
    """It excuses a case that differs, and turns red when the case no longer does."""
    known = KnownDifference("upstream", "0.1.1", "a case", "#1", "reason")
    assert judged(["differs"], known) == ""
    assert "#1 (reason) is gone" in judged([], known)
    assert judged([], dataclasses.replace(known, certain=False)) == ""
    assert judged(["differs"], None) == "differs"
    assert judged([], None) == ""


def test_names_are_unique_and_known_differences_name_cases() -> None:
    """An entry for a case that does not exist would never turn red."""
    names = [case.name for case in load_cases()]
    assert len(names) == len(set(names))
    assert {entry.case for entry in load_known_differences()} <= set(names)


def test_each_case_is_played_on_0_1_or_has_a_reason() -> None:
    """An agent for it, or an entry that says why there is none; never both, never neither."""
    source = (Path(__file__).parents[1] / "parity" / "agents_of_0_1.py").read_text(encoding="utf-8")
    agents = {node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}
    excused = {entry.case for entry in load_not_applicable() if entry.flink_agents == "0.1.1"}
    played = {case.name for case in load_cases() if case.name not in excused}
    missing = [case.name for case in load_cases() if case.name in played and case.agent.split(":")[1] not in agents]
    assert not missing
    assert excused <= {case.name for case in load_cases()}
    needed = {case.agent.split(":")[1] for case in load_cases() if case.name in played}
    for agent in {case.agent.split(":")[1] for case in load_cases()} - needed:
        assert agent not in agents, f"{agent} is written for 0.1, and not played"
