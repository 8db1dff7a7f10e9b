"""One reader for the event log files of every engine: told apart by the keys that are present, not by a version."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_flink_agents.run.evidence import Event

_LIMIT_BYTES = 256 * 1024 * 1024
# flink-agents 0.1 has classes where later releases have types.
_TYPES_OF_0_1 = {
    f"flink_agents.api.events.{module}.{name}": type_name
    for module, name, type_name in (
        ("event", "InputEvent", "_input_event"),
        ("event", "OutputEvent", "_output_event"),
        ("chat_event", "ChatRequestEvent", "_chat_request_event"),
        ("chat_event", "ChatResponseEvent", "_chat_response_event"),
        ("tool_event", "ToolRequestEvent", "_tool_request_event"),
        ("tool_event", "ToolResponseEvent", "_tool_response_event"),
        ("context_retrieval_event", "ContextRetrievalRequestEvent", "_context_retrieval_request_event"),
        ("context_retrieval_event", "ContextRetrievalResponseEvent", "_context_retrieval_response_event"),
    )
}
_NEXT_FIELD = re.compile(r" (?=[A-Za-z_]\w*=)")


def read_event_logs(directory: Path, inputs: Sequence[Mapping[str, Any]] = ()) -> tuple[Event, ...]:
    """All events of the files ``events-*.log`` below a directory; per file in order, files in the order of their names.

    A last line without its end was being written when its writer died; it is left out. Where a log tells the number of
    the input (as time stamp) and not the key, the key comes from ``inputs``.
    """
    events: list[Event] = []
    budget = _LIMIT_BYTES
    for path in sorted(directory.rglob("events-*.log")):
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(budget)
        budget -= len(text)
        events.extend(_events(text.splitlines(keepends=True), inputs))
    return tuple(events)


def _events(lines: Iterable[str], inputs: Sequence[Mapping[str, Any]]) -> Iterator[Event]:
    for line in lines:
        if line.endswith("\n") and line.strip():
            yield normalised(json.loads(line), inputs)


def normalised(record: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]] = ()) -> Event:
    """One record of any dialect: nested (``event{...}``, 0.3), flat (``eventAttributes``, later), or with ``context`` (0.1)."""
    if "context" in record:
        return _of_0_1(record, inputs)
    event = record.get("event", {})
    attributes = event["attributes"] if "event" in record else record.get("eventAttributes", {})
    key = record.get("key", record.get("businessKey"))
    return Event(
        type=str(record["eventType"]),
        attributes=dict(attributes),
        key=_key_of_input(event, inputs) if key is None else key,
        timestamp=str(record.get("timestamp", "")),
    )


def _of_0_1(record: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]]) -> Event:
    event = record["event"]
    name = str(event["eventType"])
    # A Python event is there as the text that Python prints of it; attributes are those of Java events.
    fields = _printed_fields(event["eventString"]) if event.get("eventString") else dict(event.get("attributes", {}))
    return Event(
        type=_TYPES_OF_0_1.get(name, name),
        attributes={field: value for field, value in fields.items() if field != "id"},
        key=_key_of_input(event, inputs),
        timestamp=str(record["context"].get("timestamp", "")),
    )


def _key_of_input(event: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]]) -> Any:
    number = event.get("sourceTimestamp")
    return inputs[number].get("key") if isinstance(number, int) and 0 <= number < len(inputs) else None


def _printed_fields(text: str) -> dict[str, Any]:
    """``a='x' b={'c': 1}`` as a mapping. What is no literal stays the text it is."""
    fields: dict[str, Any] = {}
    pending = ""
    for part in _NEXT_FIELD.split(text):
        pending = f"{pending} {part}" if pending else part
        name, _, printed = pending.partition("=")
        try:
            ast.parse(printed, mode="eval")
        except SyntaxError:  # the blank was inside a value
            continue
        try:
            fields[name] = ast.literal_eval(printed)
        except ValueError:
            fields[name] = printed
        pending = ""
    return fields
