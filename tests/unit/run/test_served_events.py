"""The events of a candidate that took over from a baseline."""

from __future__ import annotations

from pytest_flink_agents.evidence.model import Event
from pytest_flink_agents.evidence.served_events import events_from
from pytest_flink_agents.vocabulary import INPUT_EVENT

KEYS = ("a", "b", "a", "b", "a")


def event(key: str | None, name: str) -> Event:
    return Event(name, {}, key)


def test_only_the_events_of_the_inputs_after_the_switch_are_left() -> None:
    log = [
        *(event("a", "late"), event("a", INPUT_EVENT), event("a", "x"), event("b", INPUT_EVENT), event("b", "y")),
        *(event("a", INPUT_EVENT), event("a", "z"), event("b", INPUT_EVENT), event("b", "w"), event("c", "v")),
    ]
    found, unknown = events_from(log, 3, KEYS)
    assert unknown == ""
    assert [one.type for one in found] == [INPUT_EVENT, "z", INPUT_EVENT, "w"]


def test_a_log_that_lacks_an_input_is_not_whole() -> None:
    log = [event("a", INPUT_EVENT), event("a", "x")]
    assert events_from(log, 3, KEYS) == ((), "the event log lacks 1 input events of the candidate")


def test_events_without_keys_cannot_be_told_apart() -> None:
    found, unknown = events_from([event(None, INPUT_EVENT)], 3, KEYS)
    assert found == ()
    assert "cannot be told apart" in unknown
