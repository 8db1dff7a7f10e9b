"""Find action, key and input of a failure that upstream's engine reports by its function only.

Its event log has the input's number of each event, its plan the functions of the actions. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_flink_agents.evidence.model import Event, Failure
from pytest_flink_agents.vocabulary import INPUT_EVENT

# The calls of functions of the plan in a traceback.
_CALL = re.compile(r'File "[^"]*/flink_agents/plan/function\.py", line \d+, in (?P<caller>\w+)\n')
# The functions that continue an action at an await, of flink-agents 0.3 and 0.1.
_RESUMING = frozenset({"call_python_awaitable", "call_python_generator"})


@dataclass(frozen=True, slots=True)
class PlannedAction:
    """An action of a plan: its name, the name of its function, and the types of its events.

    ``java`` is the class of a Java function, empty for a Python function.
    """

    name: str
    function: str
    events: tuple[str, ...]
    java: str = ""


def located(
    failure: Failure, actions: Sequence[PlannedAction], events: Sequence[Event], inputs: Sequence[Mapping[str, Any]]
) -> Failure:
    """Return the failure with the plan's name of its action, and with key and input if only one run can have failed.

    ``failure.action`` is the name of a function. A run is that of one input. Without certainty key and input stay unknown,
    because wrong ones would mislead.
    """
    failure = _of_java(failure, actions)
    named = [action for action in actions if action.function == failure.action]
    if failure.located or len(named) != 1:
        return failure
    (action,) = named
    failure = replace(failure, action=action.name)
    runs = _unfinished_runs(action, events, ends_first=_ends_before_its_events(action, actions, failure))
    if len(runs) != 1 or None in runs:
        return failure
    (run,) = runs
    assert run is not None
    return replace(failure, key=inputs[run].get("key"), input=inputs[run].get("value"), located=True)


def _of_java(failure: Failure, actions: Sequence[PlannedAction]) -> Failure:
    """Return a failure without an action with the only Java function of the plan in its traceback."""
    if failure.action:
        return failure
    called = {action.function for action in actions if action.java and _java_frame(action) in failure.traceback}
    return replace(failure, action=called.pop(), located=False) if len(called) == 1 else failure


def _java_frame(action: PlannedAction) -> str:
    return f"\tat {action.java}.{action.function}("


def _unfinished_runs(action: PlannedAction, events: Sequence[Event], *, ends_first: bool) -> set[int | None]:
    """Return the inputs' numbers of the runs in which the action may have failed, None among them if one is unknown.

    The runs of one key follow each other, so each event but an input proves that all earlier runs of its key have ended. With
    ``ends_first`` it also proves that the action has ended in its own run.
    """
    runs: dict[int | None, Any] = {}
    for event in events:
        if event.type in action.events:
            runs[event.input] = event.key
        if event.type == INPUT_EVENT or event.input is None:
            continue
        ended = [run for run, key in runs.items() if run is not None and _same(key, event.key) and run < event.input]
        for run in [*ended, *([event.input] if ends_first else [])]:
            runs.pop(run, None)
    return set(runs)


def _ends_before_its_events(action: PlannedAction, actions: Sequence[PlannedAction], failure: Failure) -> bool:
    """Return whether each event of a run but its input is sent after the action has ended.

    That is so for a function without await that alone gets the input.
    """
    alone = all(other is action or INPUT_EVENT not in other.events for other in actions)
    callers = {call["caller"] for call in _CALL.finditer(failure.traceback)}
    called = "__call__" in callers and callers.isdisjoint(_RESUMING)
    return action.events == (INPUT_EVENT,) and alone and called


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)
