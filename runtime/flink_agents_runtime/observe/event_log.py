"""The event log, in the format of flink-agents 0.3.

    {"timestamp", "logLevel", "eventType", "key", "event": {"eventType", "id", "attributes", ..., "type"}}

The business key, ``key``, is an addition. A log is an observer of one engine at a time.
"""

from __future__ import annotations

import json
import logging
import re
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TextIO

from flink_agents.plan.configuration import AgentConfiguration

from flink_agents_runtime.config.catalogue import OFF, STANDARD
from flink_agents_runtime.config.configuration import option
from flink_agents_runtime.config.options import typed
from flink_agents_runtime.observe.truncation import Limits, truncated

_TYPE_LEVEL = "event-log.type.{}.level"
# Upstream's logger for the event log of kind slf4j.
LOGGER = "org.apache.flink.agents.EventLog"


class EventLog:
    """A log of events in a file, or in the logger ``LOGGER``.

    Each record is flushed. The directory is created at once, the file with the first record.
    Options: ``event-log.level`` (OFF, STANDARD: large payloads are truncated, VERBOSE: complete);
    ``event-log.type.a.b.level`` for the type ``a.b`` and its subtypes without a level of their own;
    the limits of STANDARD; and ``prettyPrint``, with which a record spans several lines. Raises
    ValueError for an unknown level.
    """

    def __init__(self, path: Path | str | None, config: AgentConfiguration) -> None:
        self._path = Path(path) if path is not None else None
        self._config = config
        self._levels: dict[str, str] = {}
        self._limits = Limits(
            option(config, "event-log.standard.max-string-length"),
            option(config, "event-log.standard.max-array-elements"),
            option(config, "event-log.standard.max-depth"),
        )
        self._level: str = option(config, "event-log.level")
        self._indent = 2 if option(config, "prettyPrint") else None
        self._file: TextIO | None = None
        # Called for each truncated event; the host counts them.
        self.on_truncated: Callable[[], None] = lambda: None

    def event_processed(self, key: Any, event_type: str, event: str) -> None:
        """Write the record of one event, which is given as JSON text."""
        level = self._levels.get(event_type)
        if level is None:
            level = self._levels[event_type] = self._resolved(event_type)
        if level == OFF:
            return
        node = _event_node(json.loads(event))
        if level == STANDARD:
            whole, node = node, truncated(node, self._limits)
            if node != whole:
                self.on_truncated()
        record = {
            "timestamp": datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "logLevel": level,
            "eventType": event_type,
            "key": key,
            "event": node,
        }
        text = json.dumps(record, ensure_ascii=False, default=str, indent=self._indent)
        if self._path is None:
            logging.getLogger(LOGGER).info("%s", text)
            return
        file = self._open(self._path)
        file.write(text + "\n")
        file.flush()

    def close(self) -> None:
        """Close the file if it is open."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self, path: Path) -> TextIO:
        if self._file is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a", encoding="utf-8")
        return self._file

    def _resolved(self, event_type: str) -> str:
        name = event_type
        while name:
            key = _TYPE_LEVEL.format(name)
            word: str | None = typed(key, self._config.conf_data.get(key))
            if word is not None:
                return word
            name = name.rpartition(".")[0]
        return self._level


def event_log(config: AgentConfiguration, name: str) -> EventLog | None:
    """Return the event log that the options ask for, or None.

    ``baseLogDir`` names the directory of the file ``events-NAME.log``; with ``eventLoggerType: file``
    alone the directory is ``flink-agents`` below the one for temporary files. ``eventLoggerType:
    slf4j`` sends records to the logger. Without either option nothing is logged, unlike upstream,
    because payloads of agents should not reach shared logs unasked.
    """
    directory = str(option(config, "baseLogDir") or "").strip()
    kind = typed("eventLoggerType", config.conf_data.get("eventLoggerType"))
    if not directory and kind == "slf4j":
        return EventLog(None, config)
    if not directory and kind is None:
        return None
    folder = Path(directory) if directory else Path(tempfile.gettempdir()) / "flink-agents"
    return EventLog(folder / f"events-{safe_name(name)}.log", config)


def safe_name(name: str) -> str:
    """Return the name in characters that any file system takes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)[-96:]


def _event_node(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event with its fields in the order of upstream's serializer."""
    extra = {name: value for name, value in event.items() if name not in ("id", "type", "attributes")}
    return {
        "eventType": event["type"],
        "id": event.get("id"),
        "attributes": event.get("attributes", {}),
        **extra,
        "type": event["type"],
    }
