"""A description of the work that a run had not finished at its deadline.

Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_flink_agents.evidence.model import Event
from pytest_flink_agents.vocabulary import INPUT_EVENT

_NAMED = 5
_INPUT_CHARACTERS = 200


def agent_name(agent: Any) -> str:
    """Return the name of the agent: a class, a name in a YAML file or a plan's file."""
    if isinstance(agent, str):
        return agent
    return str(next((agent[word] for word in ("name", "plan", "class") if agent.get(word)), "the agent"))


def still_waiting(agent: Any, waiting_on: Sequence[Mapping[str, Any]]) -> str:
    """Return one line on the unfinished work, empty if there is none.

    Each of ``waiting_on`` has ``key`` and ``action``, and ``input`` if it is known.
    """
    if not waiting_on:
        return ""
    named = ", ".join(map(_named, waiting_on[:_NAMED]))
    more = f" and {len(waiting_on) - _NAMED} more" if len(waiting_on) > _NAMED else ""
    return f"still waiting on {named}{more} (agent {agent_name(agent)})"


def unfinished_in(events: Iterable[Event], listeners: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Return the keys whose last event triggered actions that sent nothing more, for :func:`still_waiting`.

    ``listeners`` maps an event type to the names of the actions that listen to it.
    """
    inputs: dict[str, Any] = {}
    last: dict[str, Event] = {}
    for event in events:
        key = json.dumps(event.key, sort_keys=True)
        last[key] = event
        if event.type == INPUT_EVENT:
            inputs[key] = event.attributes.get("input")
    return [
        {"key": event.key, "action": " or ".join(listeners[event.type]), "input": inputs.get(key)}
        for key, event in last.items()
        if listeners.get(event.type)
    ]


def _named(at: Mapping[str, Any]) -> str:
    what = f"action {at['action']}" if at["action"] else "the next input"
    text = f"{what} of key {json.dumps(at['key'], ensure_ascii=False)}"
    if not at["action"] or at.get("input") is None:
        return text
    shown = json.dumps(at["input"], ensure_ascii=False)
    return f"{text} with input {shown[:_INPUT_CHARACTERS]}{'...' * (len(shown) > _INPUT_CHARACTERS)}"
