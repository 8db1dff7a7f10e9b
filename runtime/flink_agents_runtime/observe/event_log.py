"""The event log: one JSON line for each event processed, in the record of flink-agents 0.3.

    {"timestamp", "logLevel", "eventType", "key", "event": {"eventType", "id", "attributes", ..., "type"}}

``key``, the business key, is ours. An observer of the engine; not to be used by two engines at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TextIO

from flink_agents.api.core_options import AgentConfigOptions, EventLogLevel
from flink_agents.plan.configuration import AgentConfiguration

from flink_agents_runtime.observe.truncation import Limits, truncated

_TYPE_LEVEL = "event-log.type.{}.level"


class EventLog:
    """Appends to ``path``, flushed per event. The directory is made; the file appears with the first record.

    ``config`` gives ``event-log.level`` (OFF, STANDARD: large payloads truncated, VERBOSE: whole), the level of single
    event types (``event-log.type.a.b.level`` holds for ``a.b`` and, where it has none of its own, ``a.b.c``) and the
    limits of STANDARD. Raises ValueError for a word that is no level.
    """

    def __init__(self, path: Path | str, config: AgentConfiguration) -> None:
        self._path = Path(path)
        self._config = config
        self._levels: dict[str, EventLogLevel] = {}
        self._limits = Limits(
            config.get(AgentConfigOptions.EVENT_LOG_MAX_STRING_LENGTH),
            config.get(AgentConfigOptions.EVENT_LOG_MAX_ARRAY_ELEMENTS),
            config.get(AgentConfigOptions.EVENT_LOG_MAX_DEPTH),
        )
        self._file: TextIO | None = None
        config.get(AgentConfigOptions.EVENT_LOG_LEVEL)

    def event_processed(self, key: Any, event_type: str, event: str) -> None:
        """Write the record of one event, given as JSON text."""
        level = self._levels.get(event_type)
        if level is None:
            level = self._levels[event_type] = self._resolved(event_type)
        if level is EventLogLevel.OFF:
            return
        node = _event_node(json.loads(event))
        if level is EventLogLevel.STANDARD:
            node = truncated(node, self._limits)
        record = {
            "timestamp": datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "logLevel": level.value,
            "eventType": event_type,
            "key": key,
            "event": node,
        }
        file = self._open()
        file.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")
        file.flush()

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> TextIO:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a", encoding="utf-8")
        return self._file

    def _resolved(self, event_type: str) -> EventLogLevel:
        name = event_type
        while name:
            word = self._config.get_str(_TYPE_LEVEL.format(name))
            if word is not None:
                return EventLogLevel(word.upper())
            name = name.rpartition(".")[0]
        level: EventLogLevel = self._config.get(AgentConfigOptions.EVENT_LOG_LEVEL)
        return level


def _event_node(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event in the order of upstream's serializer: its own extra properties between attributes and type."""
    extra = {name: value for name, value in event.items() if name not in ("id", "type", "attributes")}
    return {
        "eventType": event["type"],
        "id": event.get("id"),
        "attributes": event.get("attributes", {}),
        **extra,
        "type": event["type"],
    }
