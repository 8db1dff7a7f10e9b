"""One reader for the event log files of every engine: told apart by the keys that are present, not by a version."""

from __future__ import annotations

import ast
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_flink_agents.evidence.model import Event

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
_FILES = ("events-*.log", "traces-*.log", "*.event-log.log", "*.trace-log.log")
# Where a record begins, for going on behind one whose writer died: at a line's start, or glued to the half one.
_RECORD = re.compile(r'(?:^|(?<=\n))\{|\{"timestamp"')
# What became of an execution -> the type that lifecycle records had before they had a status only.
_LIFECYCLE = {
    "started": "_execution_started_event",
    "success": "_execution_finished_event",
    "failed": "_execution_failed_event",
    "reused": "_execution_reused_event",
}
_NEXT_FIELD = re.compile(r" (?=[A-Za-z_]\w*=)")


def gather_event_logs(cluster: Path, jobs: Iterable[str], directory: Path) -> None:
    """Move to ``directory`` what an engine wrote that was not told where to: below the directory of the cluster."""
    directory.mkdir(parents=True, exist_ok=True)
    for job in jobs:
        for path in (cluster / "tmp" / "flink-agents").glob(f"events-{job}-*.log"):
            shutil.move(path, directory / path.name)


def read_event_logs(directory: Path, inputs: Sequence[Mapping[str, Any]] = ()) -> tuple[Event, ...]:
    """All events of the event and trace logs below a directory; per file in order, files in the order of their names.

    A record takes a line, or many with ``prettyPrint``. One without its end was being written when its writer died; it is
    left out. Where a log tells the number of the input (as time stamp) and not the key, the key comes from ``inputs``.
    """
    events: list[Event] = []
    budget = _LIMIT_BYTES
    for path in sorted({path for name in _FILES for path in directory.rglob(name)}):
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(budget)
        budget -= len(text)
        events.extend(normalised(record, inputs) for record in _records(text))
    return tuple(events)


def _records(text: str) -> Iterator[Mapping[str, Any]]:
    decoder = json.JSONDecoder()
    start = _RECORD.search(text)
    while start is not None:
        end = start.end()
        try:
            record, end = decoder.raw_decode(text, start.start())
        except ValueError:
            record = {}
        if "eventType" in record or "event" in record or "entityType" in record:
            yield record
        start = _RECORD.search(text, end)


def normalised(record: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]] = ()) -> Event:
    """One record of any dialect, told apart by its keys.

    Nested (``event{...}``, 0.3), flat (``eventAttributes``, 0.4, with lifecycle records too), trace (``entityType`` and plain
    ``attributes``, later), or with ``context`` (0.1).
    """
    if "context" in record:
        return _of_0_1(record, inputs)
    event = record.get("event", {})
    attributes = event.get("attributes") or record.get("eventAttributes") or record.get("attributes") or {}
    key = record.get("key", record.get("businessKey"))
    return Event(
        type=_type_of(record),
        attributes=dict(attributes),
        key=_key_of_input(event, inputs) if key is None else key,
        timestamp=str(record.get("timestamp", "")),
    )


def _type_of(record: Mapping[str, Any]) -> str:
    if "eventType" in record or "event" in record:
        return str(record.get("eventType") or record["event"].get("type") or record["event"].get("eventType"))
    if record["entityType"] == "event":
        return str(record.get("entityName"))
    return _LIFECYCLE.get(str(record.get("status")), str(record["entityType"]))


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
