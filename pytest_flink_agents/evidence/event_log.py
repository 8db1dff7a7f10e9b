"""One reader for the event logs of every engine.

The keys of a record decide its format, not a version.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flink_agents_runtime.observe.json_log import LEFT_OUT
from pytest_flink_agents.evidence.model import Event
from pytest_flink_agents.vocabulary import CHAT_RESPONSE_EVENT, INPUT_EVENT, OUTPUT_EVENT, TOOL_REQUEST_EVENT

_MIB = 1024 * 1024
# Bounds the memory of the harness: the logs of a load scenario may have any size.
_LIMIT_BYTES = 256 * _MIB
# flink-agents 0.1 writes the class of an event, later releases its type.
_TYPES_OF_0_1 = {
    f"flink_agents.api.events.{module}.{name}": type_name
    for module, name, type_name in (
        ("event", "InputEvent", INPUT_EVENT),
        ("event", "OutputEvent", OUTPUT_EVENT),
        ("chat_event", "ChatRequestEvent", "_chat_request_event"),
        ("chat_event", "ChatResponseEvent", CHAT_RESPONSE_EVENT),
        ("tool_event", "ToolRequestEvent", TOOL_REQUEST_EVENT),
        ("tool_event", "ToolResponseEvent", "_tool_response_event"),
        ("context_retrieval_event", "ContextRetrievalRequestEvent", "_context_retrieval_request_event"),
        ("context_retrieval_event", "ContextRetrievalResponseEvent", "_context_retrieval_response_event"),
    )
}
_TYPES_OF_0_1 |= {
    f"org.apache.flink.agents.api.{name}": type_name
    for name, type_name in (
        ("InputEvent", INPUT_EVENT),
        ("OutputEvent", OUTPUT_EVENT),
        ("event.ChatRequestEvent", "_chat_request_event"),
        ("event.ChatResponseEvent", CHAT_RESPONSE_EVENT),
        ("event.ToolRequestEvent", TOOL_REQUEST_EVENT),
        ("event.ToolResponseEvent", "_tool_response_event"),
    )
}
_FILES = ("events-*.log", "traces-*.log", "*.event-log.log", "*.trace-log.log")
# The beginning of a record: at the start of a line, or directly behind an incomplete record whose writer died.
_RECORD = re.compile(r'(?:^|(?<=\n))\{|\{"timestamp"')
# Status of an execution -> type of the lifecycle record. Newer releases write the status only.
_LIFECYCLE = {
    "created": "_execution_created_event",
    "started": "_execution_started_event",
    "success": "_execution_finished_event",
    "failed": "_execution_failed_event",
    "reused": "_execution_reused_event",
}
_FIELDS_OF_ALL_EVENTS = frozenset({"attributes", "event", "eventString", "eventType", "sourceTimestamp"})
_NEXT_FIELD = re.compile(r" (?=[A-Za-z_]\w*=)")


@dataclass(frozen=True, slots=True)
class EventLog:
    """The events of a run; ``unknown`` says why some may be missing, empty if all are there."""

    events: tuple[Event, ...]
    unknown: str = ""


def gather_event_logs(cluster: Path, jobs: Iterable[str], directory: Path) -> None:
    """Move event logs of an engine that ignores their directory from the cluster's directory to ``directory``."""
    directory.mkdir(parents=True, exist_ok=True)
    for path in logs_elsewhere(cluster, jobs):
        shutil.move(path, directory / path.name)


def logs_elsewhere(cluster: Path, jobs: Iterable[str]) -> list[Path]:
    """Return the event logs of jobs whose engine ignores their directory, as flink-agents 0.1 does."""
    return [path for job in jobs for path in (cluster / "tmp" / "flink-agents").glob(f"events-{job}-*.log")]


def read_event_logs(
    directory: Path, inputs: Sequence[Mapping[str, Any]] = (), elsewhere: Iterable[Path] = ()
) -> EventLog:
    """Return the events of the event and trace logs below a directory, and of those ``elsewhere``.

    Files are read in the order of their names, up to 256 MiB together. Those that begin earlier come first: another version
    or parallelism of a job has files of its own, and a key's history goes on there.

    A record takes one line, or many with ``prettyPrint``. An incomplete record, whose writer died, is left out. If a log
    has the number of the input (as its time stamp) instead of the key, the key comes from ``inputs``.
    """
    logs: list[list[Event]] = []
    budget = _LIMIT_BYTES
    for path in sorted({*elsewhere, *(path for name in _FILES for path in directory.rglob(name))}):
        with path.open("rb") as file:
            content = file.read(budget + 1)
        text = content[:budget].decode("utf-8", errors="replace")
        logs.append([normalised(record, inputs) for record in _records(text)])
        budget -= len(content)
        if budget < 0:
            rest = f"the event logs hold more than {_LIMIT_BYTES // _MIB} MiB, and the rest was not read"
            return EventLog(_in_order(logs), f"{rest}; give the scenario fewer inputs")
    return EventLog(_in_order(logs), _left_out(directory))


def _left_out(directory: Path) -> str:
    """Return a sentence on the events that an agent did not log, empty if there are none."""
    types = {line for path in directory.rglob(f"*{LEFT_OUT}") for line in path.read_text(encoding="utf-8").splitlines()}
    return f"events of type {', '.join(sorted(types))} are not in the log: their level is OFF" if types else ""


def _in_order(logs: Iterable[Sequence[Event]]) -> tuple[Event, ...]:
    # Java leaves out digits that are zero: 05.123Z is before 05.123456Z, of which it is the beginning without its zone.
    begun = sorted(filter(None, logs), key=lambda events: events[0].timestamp.removesuffix("Z"))
    return tuple(event for events in begun for event in events)


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
    """Return the event of one record, whatever its format.

    The keys of a record show its format: nested (``event{...}``, 0.3), flat (``eventAttributes``, 0.4, with lifecycle
    records too), trace (``entityType`` and plain ``attributes``, later), or with ``context`` (0.1).
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
        input=_input_number(event, inputs),
    )


def common_type(name: str) -> str:
    """Return the event type of a class of flink-agents 0.1; other names stay as they are."""
    return _TYPES_OF_0_1.get(name, name)


def _type_of(record: Mapping[str, Any]) -> str:
    if "eventType" in record or "event" in record:
        return str(record.get("eventType") or record["event"].get("type") or record["event"].get("eventType"))
    if record["entityType"] == "event":
        return str(record.get("entityName"))
    return _LIFECYCLE.get(str(record.get("status")), str(record["entityType"]))


def _of_0_1(record: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]]) -> Event:
    event = record["event"]
    # A Python event is logged as its repr, and a Java event by its fields.
    name = str(event.get("eventType") or record["context"]["eventType"])
    fields = _printed_fields(event["eventString"]) if event.get("eventString") else _java_fields(event)
    return Event(
        type=common_type(name),
        attributes={field: value for field, value in fields.items() if field != "id"},
        key=_key_of_input(event, inputs),
        timestamp=str(record["context"].get("timestamp", "")),
        input=_input_number(event, inputs),
    )


def _java_fields(event: Mapping[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in event.items() if name not in _FIELDS_OF_ALL_EVENTS}
    return own | dict(event.get("attributes", {}))


def _key_of_input(event: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]]) -> Any:
    number = _input_number(event, inputs)
    return None if number is None else inputs[number].get("key")


def _input_number(event: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]]) -> int | None:
    number = event.get("sourceTimestamp")
    return number if isinstance(number, int) and 0 <= number < len(inputs) else None


def _printed_fields(text: str) -> dict[str, Any]:
    """Return the fields of a repr such as ``a='x' b={'c': 1}``.

    A value that is not a literal, but for the ids in it, stays a string.
    """
    fields: dict[str, Any] = {}
    pending = ""
    for part in _NEXT_FIELD.split(text):
        pending = f"{pending} {part}" if pending else part
        name, _, printed = pending.partition("=")
        try:
            tree = ast.parse(printed, mode="eval")
        except SyntaxError:  # the blank was inside a value
            continue
        try:
            fields[name] = ast.literal_eval(_PlainIds().visit(tree))
        except ValueError:
            fields[name] = printed
        pending = ""
    return fields


class _PlainIds(ast.NodeTransformer):
    """Replaces ``UUID('...')`` by its text: the ids of tool calls stand inside lists that are literals otherwise."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        is_id = isinstance(node.func, ast.Name) and node.func.id == "UUID" and len(node.args) == 1 and not node.keywords
        return node.args[0] if is_id else self.generic_visit(node)
