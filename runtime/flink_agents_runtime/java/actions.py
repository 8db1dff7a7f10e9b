"""The context of a Java action: what it asks Python while it runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from flink_agents.api.events.event import Event
from flink_agents.api.memory_object import MemoryObject
from flink_agents.api.runner_context import RunnerContext

# Fields of an event that are none of its attributes, in JSON of Java before flink-agents 0.3.
_NO_ATTRIBUTES = ("id", "attributes", "sourceTimestamp")


def answer(context: RunnerContext, question: str, arguments: list[Any], _ends_s: float) -> Any:
    """Answer a question of a Java action by its context, which waits for nothing."""
    return _ANSWERS[question](context, *arguments)


def event_fields(event: Event) -> list[str]:
    """Return an event for Java: type, JSON, and the JSON of its input."""
    return [event.get_type(), event.model_dump_json(), json.dumps(event.attributes.get("input"))]


def event_of(event_type: str, text: str) -> Event:
    """Return the event that Java sent, from its JSON, with the id that Java gave it.

    Before flink-agents 0.3 an event has no type in JSON, and its attributes are fields of its class.
    """
    fields: dict[str, Any] = json.loads(text)
    attributes = dict(fields.get("attributes") or {})
    if "type" not in fields:
        attributes |= {name: value for name, value in fields.items() if name not in _NO_ATTRIBUTES}
    given = {"id": fields["id"]} if fields.get("id") else {}
    return Event(**given, type=event_type, attributes=attributes)


def _send_event(context: RunnerContext, event_type: str, text: str) -> None:
    context.send_event(event_of(event_type, text))


def _action_config(context: RunnerContext) -> dict[str, Any]:
    return dict(context.action_config or {})


def _memory(context: RunnerContext, kind: str) -> Any:
    return context.sensory_memory if kind == "sensory" else context.short_term_memory


def _object_at(context: RunnerContext, kind: str, path: str) -> Any:
    """Return the memory object or value at a path; the empty path is the root."""
    memory = _memory(context, kind)
    return memory.get(path) if path else memory


def _exists(context: RunnerContext, kind: str, path: str) -> bool:
    return bool(_memory(context, kind).is_exist(path)) if path else True


def _set(context: RunnerContext, kind: str, path: str, value: Any) -> None:
    _memory(context, kind).set(path, value)


def _new_object(context: RunnerContext, kind: str, path: str, overwrite: bool) -> None:
    _memory(context, kind).new_object(path, overwrite=overwrite)


def _names(context: RunnerContext, kind: str, path: str) -> list[str]:
    found = _object_at(context, kind, path)
    return list(found.get_field_names()) if isinstance(found, MemoryObject) else []


def _fields(context: RunnerContext, kind: str, path: str) -> dict[str, Any]:
    found = _object_at(context, kind, path)
    return dict(found.get_fields()) if isinstance(found, MemoryObject) else {}


def _value(context: RunnerContext, kind: str, path: str) -> Any:
    found = _object_at(context, kind, path)
    return None if isinstance(found, MemoryObject) else found


def _nested(context: RunnerContext, kind: str, path: str) -> bool:
    return isinstance(_object_at(context, kind, path), MemoryObject)


_ANSWERS: Mapping[str, Callable[..., Any]] = {
    "send_event": _send_event,
    "action_config": _action_config,
    "memory_exists": _exists,
    "memory_set": _set,
    "memory_new": _new_object,
    "memory_names": _names,
    "memory_fields": _fields,
    "memory_value": _value,
    "memory_nested": _nested,
}
