"""Action, key and input of a failure that upstream's engine reports by its function only."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pytest_flink_agents.evidence.failed_action import PlannedAction, located
from pytest_flink_agents.evidence.model import Event, Failure

FUNCTION = '  File "/venv/flink_agents/plan/function.py", line 217, in __call__\n  File "a.py", line 1, in double\n'
AWAITED = (
    '  File "/venv/flink_agents/plan/function.py", line 4, in call_python_awaitable\n  File "a.py", line 1, in double\n'
)
FAILURE = Failure("no", traceback=FUNCTION, action="double", located=False)
DOUBLE = PlannedAction("double_action", "double", ("_input_event",))
AFTER = PlannedAction("after", "after_double", ("doubled",))
INPUTS: list[dict[str, Any]] = [{"key": "a", "value": 1}, {"key": "a", "value": "x"}, {"key": "b", "value": 3}]


def given(number: int) -> Event:
    return Event("_input_event", {}, key=INPUTS[number]["key"], input=number)


def sent(number: int, type_name: str = "doubled") -> Event:
    return Event(type_name, {}, key=INPUTS[number]["key"], input=number)


def found(*events: Event, failure: Failure = FAILURE, actions: tuple[PlannedAction, ...] = (DOUBLE, AFTER)) -> Failure:
    return located(failure, actions, events, INPUTS)


@pytest.mark.parametrize(
    "events",
    [
        [given(1)],
        [given(0), sent(0), given(1)],
        [given(0), given(1), sent(0)],
        [given(0), given(1), given(2), sent(0), sent(2)],
    ],
)
def test_key_and_input_are_those_of_the_only_run_that_can_have_failed(events: list[Event]) -> None:
    failure = found(*events)
    assert (failure.action, failure.key, failure.input, failure.located) == ("double_action", "a", "x", True)


@pytest.mark.parametrize(
    "events",
    [
        [],
        [given(0), given(1)],
        [given(0), sent(0), given(1), given(2)],
        [given(1), dataclasses.replace(given(0), input=None)],
    ],
)
def test_key_and_input_are_unknown_if_two_runs_can_have_failed(events: list[Event]) -> None:
    failure = found(*events)
    assert (failure.action, failure.key, failure.input, failure.located) == ("double_action", None, None, False)


def test_an_event_does_not_prove_the_end_of_an_action_that_awaits() -> None:
    events = [given(0), given(1), sent(0)]
    awaited = dataclasses.replace(FAILURE, traceback=AWAITED)
    assert not found(*events, failure=awaited).located
    # But a later run of the key does.
    assert found(*events, sent(1), failure=awaited).input == "x"


def test_an_event_of_another_action_does_not_prove_the_end() -> None:
    other = PlannedAction("other", "other", ("_input_event",))
    assert not found(given(0), given(1), sent(0), actions=(DOUBLE, AFTER, other)).located
    late = dataclasses.replace(FAILURE, action="after_double")
    assert not found(given(0), sent(0), sent(0, "note"), given(2), sent(2), failure=late).located
    assert found(given(0), sent(0), given(2), failure=late).key == "a"


def test_a_function_of_two_actions_names_neither() -> None:
    twice = PlannedAction("second", "double", ("again",))
    assert found(given(1), actions=(DOUBLE, twice)) == FAILURE


def test_a_failure_of_the_bundled_engine_stays() -> None:
    own = Failure("no", traceback=FUNCTION, action="double", key="k", input=7)
    assert found(given(1), failure=own) == own


def test_a_java_action_is_found_in_the_stack() -> None:
    pay = PlannedAction("paying", "pay", ("_input_event",), "shop.Actions")
    trace = "java.lang.IllegalStateException: no\n\tat shop.Actions.pay(Actions.java:7)\n"
    failure = Failure("no", traceback=trace)
    seen = found(given(1), failure=failure, actions=(pay, AFTER))
    assert (seen.action, seen.key, seen.input, seen.located) == ("paying", "a", "x", True)
    unsure = found(given(1), given(2), failure=failure, actions=(pay, AFTER))
    assert (unsure.action, unsure.key, unsure.located) == ("paying", None, False)
    elsewhere = dataclasses.replace(failure, traceback="\tat shop.Actions.payAll(Actions.java:7)\n")
    assert found(given(1), failure=elsewhere, actions=(pay, AFTER)) == elsewhere
