"""Two runs of the same inputs, key by key."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from pytest_flink_agents.compare.sides import NOTHING, AllowRule, Comparison, Row, compare_keys
from pytest_flink_agents.evidence.replays import InputRun
from pytest_flink_agents.scenario.comparison import allow_path

REFUND = {"name": "pay_back", "args": {"order": "o-1", "amount": 20}}


def rules(*texts: str) -> list[AllowRule]:
    return [AllowRule(text, allow_path(text)) for text in texts]


def rows(before: InputRun, after: InputRun, *allow: str) -> list[tuple[str, str, str, str]]:
    found = compare_keys({"k": before}, {"k": after}, rules(*allow)).rows
    return [(row.record or row.aspect, row.place, row.baseline, row.candidate) for row in found]


def calls(*listed: dict[str, Any]) -> InputRun:
    return InputRun(tool_calls=listed)


def test_only_the_changed_argument_of_the_changed_call_is_shown() -> None:
    other = {"name": "notify", "args": {"text": "a"}}
    changed = {"name": "pay_back", "args": {"order": "o-1", "amount": 25}}
    assert rows(calls(other, REFUND, other), calls(other, changed, other)) == [
        ("tool call 2 pay_back", "args.amount", "20", "25")
    ]


def test_a_missing_call_does_not_make_those_behind_it_differ() -> None:
    other = {"name": "notify", "args": {}}
    assert rows(calls(REFUND, other), calls(other)) == [
        ("tool call 1 pay_back", "", '{"name": "pay_back", "args": {"order": "o-1", "amount": 20}}', NOTHING)
    ]
    assert [row[2] for row in rows(calls(other), calls(other, REFUND))] == [NOTHING]


def test_types_of_values_differ() -> None:
    assert rows(InputRun(outputs=(1,)), InputRun(outputs=(True,))) == [("output 1", "", "1", "true")]


def test_memory_is_compared_by_place() -> None:
    before, after = (InputRun(memory={"refunds.total": total, "name": "ada"}) for total in (1, 2))
    assert rows(before, after) == [("memory", "refunds.total", "1", "2")]
    assert rows(before, after, "memory.refunds.total") == []


def test_events_are_shown_only_if_nothing_else_differs() -> None:
    before = InputRun(outputs=("a",), events=(("_chat_response_event", {"text": "a"}),))
    after = InputRun(outputs=("b",), events=(("_chat_response_event", {"text": "b"}),))
    assert rows(before, after) == [("output 1", "", '"a"', '"b"')]
    assert rows(before, after, "outputs[*].value") == [
        ("event 1 _chat_response_event", "attributes.text", '"a"', '"b"')
    ]
    assert rows(before, after, "outputs[*].value", "events[*].attributes.text") == []


def test_an_allowed_place_does_not_allow_another_number_of_records() -> None:
    assert rows(InputRun(outputs=("a",)), InputRun(outputs=("a", "b")), "outputs[*].value") == [
        ("output 2", "", NOTHING, '"b"')
    ]


def test_a_key_of_one_run_only_differs() -> None:
    found = compare_keys({}, {"k": InputRun(outputs=("a",))}, ())
    assert found.rows == (Row("k", "outputs", "output 1", "", NOTHING, '"a"'),)


def test_a_rule_is_used_if_it_changes_what_differs() -> None:
    before = InputRun(outputs=({"text": "a", "id": 1},))
    after = InputRun(outputs=({"text": "b", "id": 1},))
    given = rules("outputs[*].value.text", "outputs[*].value.id", "memory.x")
    assert compare_keys({"k": before}, {"k": after}, given).used == {"outputs[*].value.text"}


def test_a_rule_about_events_is_used_although_an_output_differs_without_another_rule() -> None:
    before = InputRun(outputs=("a",), events=(("e", {"text": "a"}),))
    after = InputRun(outputs=("b",), events=(("e", {"text": "b"}),))
    given = rules("outputs[*].value", "events[*].attributes.text")
    found = compare_keys({"k": before}, {"k": after}, given)
    assert not found.rows
    assert found.used == {rule.text for rule in given}


def test_many_records_are_compared_in_order() -> None:
    before, after = InputRun(outputs=tuple(range(2000))), InputRun(outputs=(*range(1000), -1, *range(1001, 2000)))
    assert rows(before, after) == [("output 1001", "", "1000", "-1")]


@pytest.mark.parametrize(
    ("comparison", "summary"),
    [
        (Comparison("a", "b", keys=1), "identical, 1 key"),
        (Comparison("a", "b", doubts=("no log",)), "cannot be compared: no log"),
        (
            Comparison("a", "b", keys=1200, differing=1, rows=(Row("k", "outputs", "output 1", "", "1", "2"),)),
            "1 of 1,200 keys differ in outputs",
        ),
    ],
)
def test_the_summary_is_one_line(comparison: Comparison, summary: str) -> None:
    assert comparison.summary == summary
    assert Comparison.from_data(asdict(comparison)) == comparison
