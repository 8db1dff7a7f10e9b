"""One reader for the event log files of every engine: told apart by the keys that are present, not by a version."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pytest_flink_agents.run.evidence import Event

_LIMIT_BYTES = 256 * 1024 * 1024


def read_event_logs(directory: Path) -> tuple[Event, ...]:
    """All events of the files ``events-*.log`` below a directory; per file in order, files in the order of their names.

    A last line without its end was being written when its writer died; it is left out.
    """
    events: list[Event] = []
    budget = _LIMIT_BYTES
    for path in sorted(directory.rglob("events-*.log")):
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(budget)
        budget -= len(text)
        events.extend(_events(text.splitlines(keepends=True)))
    return tuple(events)


def _events(lines: Iterable[str]) -> Iterable[Event]:
    for line in lines:
        if line.endswith("\n") and line.strip():
            yield normalised(json.loads(line))


def normalised(record: Mapping[str, Any]) -> Event:
    """One record of any dialect: nested (``event{...}``, 0.3) or flat (``eventAttributes``, later)."""
    attributes = record["event"]["attributes"] if "event" in record else record.get("eventAttributes", {})
    return Event(
        type=str(record["eventType"]),
        attributes=dict(attributes),
        key=record.get("key", record.get("businessKey")),
        timestamp=str(record.get("timestamp", "")),
    )
