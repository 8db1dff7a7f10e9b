"""The description of unfinished work at the deadline."""

from __future__ import annotations

from pytest_flink_agents.evidence.model import Event
from pytest_flink_agents.evidence.unfinished import still_waiting, unfinished_in

LISTENERS = {"_input_event": ["ask"], "_tool_request_event": ["tool_call_action"], "both": ["one", "two"]}


def events(*told: tuple[object, str, object]) -> list[Event]:
    return [Event(event_type, {"input": value}, key) for key, event_type, value in told]


def test_a_key_whose_last_event_triggered_an_action_is_unfinished():
    told = events(
        (1, "_input_event", "a"),
        ("1", "_input_event", "b"),
        (1, "_output_event", None),
        ("1", "_input_event", "c"),
        ("1", "_tool_request_event", None),
        (2, "both", None),
        (3, "nobody listens", None),
    )
    assert unfinished_in(told, LISTENERS) == [
        {"key": "1", "action": "tool_call_action", "input": "c"},
        {"key": 2, "action": "one or two", "input": None},
    ]


def test_the_line_names_agent_action_key_and_input():
    at = {"key": "a", "action": "ask", "input": {"q": 1}}
    line = 'still waiting on action ask of key "a" with input {"q": 1} (agent shop:Agent)'
    assert still_waiting("shop:Agent", [at]) == line
    assert still_waiting({"yaml": "x", "name": "desk"}, [at] * 7).endswith(" and 2 more (agent desk)")
    assert still_waiting({"plan": "p.json"}, [{"key": "a", "action": ""}]).startswith(
        "still waiting on the next input of"
    )
    assert len(still_waiting("x:Y", [at | {"input": "x" * 999}])) < 300
    assert still_waiting("x:Y", []) == ""
