"""The event log: one JSON line for each event processed, in the record of flink-agents 0.3.

    {"timestamp", "logLevel", "eventType", "key", "event": {"eventType", "id", "attributes", ..., "type"}}

``key``, the business key, is ours. An observer of the engine; not to be used by two engines at once.
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
# Upstream's: a record goes to it where its event log goes through SLF4J.
LOGGER = "org.apache.flink.agents.EventLog"


class EventLog:
    """Appends to ``path``, flushed per event, or with None logs each record with the logger ``LOGGER``.

    The directory is made; the file appears with the first record. ``config`` gives ``event-log.level`` (OFF, STANDARD:
    large payloads truncated, VERBOSE: whole), the level of single event types (``event-log.type.a.b.level`` holds for
    ``a.b`` and, where it has none of its own, ``a.b.c``), the limits of STANDARD, and ``prettyPrint``: a record then
    takes many lines. Raises ValueError for a word that is no level.
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
        # Called for each event that is shortened: the host may count them.
        self.on_truncated: Callable[[], None] = lambda: None

    def event_processed(self, key: Any, event_type: str, event: str) -> None:
        """Write the record of one event, given as JSON text."""
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
        """Close the file, if there is one."""
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
    """The event log that the options ask for, None where they ask for none.

    ``baseLogDir`` makes a file ``events-NAME.log`` there, ``eventLoggerType: file`` alone one in ``flink-agents`` below the
    directory for temporary files, and ``eventLoggerType: slf4j`` sends records to the logger. Unlike upstream, nothing is
    logged where neither is set: an agent's payloads do not belong into everybody's logs.
    """
    directory = str(option(config, "baseLogDir") or "").strip()
    kind = typed("eventLoggerType", config.conf_data.get("eventLoggerType"))
    if not directory and kind == "slf4j":
        return EventLog(None, config)
    if not directory and kind is None:
        return None
    folder = Path(directory) if directory else Path(tempfile.gettempdir()) / "flink-agents"
    safe_name = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[-96:]
    return EventLog(folder / f"events-{safe_name}.log", config)


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
