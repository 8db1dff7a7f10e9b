"""The event log, in the format of flink-agents 0.3.

    {"timestamp", "logLevel", "eventType", "key", "event": {"eventType", "id", "attributes", ..., "type"}}

The business key, ``key``, is an addition. A log is an observer of one engine at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flink_agents.plan.configuration import AgentConfiguration

from flink_agents_runtime.config.configuration import option
from flink_agents_runtime.config.options import typed
from flink_agents_runtime.observe.json_log import JsonLog, log_file
from flink_agents_runtime.observe.truncation import Limits

# The end of an id in an event's text, before the quotation mark: {"id":"01234567-89ab-cdef-0123-456789abcdef"
_ID_END = 7 + 36
_TYPE_LEVEL = "event-log.type.{}.level"
# Upstream's logger for the event log of kind slf4j.
LOGGER = "org.apache.flink.agents.EventLog"


class EventLog(JsonLog):
    """A log of events in a file, or in the logger ``LOGGER``.

    Options: ``event-log.level`` (OFF, STANDARD: large payloads are truncated, VERBOSE: complete);
    ``event-log.type.a.b.level`` for the type ``a.b`` and its subtypes without a level of their own;
    the limits of STANDARD; and ``prettyPrint``. Raises ValueError for an unknown level.
    """

    logger = LOGGER

    def __init__(self, path: Path | str | None, config: AgentConfiguration) -> None:
        self._config = config
        self._level: str = option(config, "event-log.level")
        limits = Limits(
            option(config, "event-log.standard.max-string-length"),
            option(config, "event-log.standard.max-array-elements"),
            option(config, "event-log.standard.max-depth"),
        )
        super().__init__(path, limits=limits, pretty=bool(option(config, "prettyPrint")))

    def level_of(self, event_type: str) -> str:
        """Return the level of the type, or of the nearest type above it."""
        name = event_type
        while name:
            key = _TYPE_LEVEL.format(name)
            word: str | None = typed(key, self._config.conf_data.get(key))
            if word is not None:
                return word
            name = name.rpartition(".")[0]
        return self._level

    def content(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return the event with its fields in the order of upstream's serializer."""
        extra = {name: value for name, value in event.items() if name not in ("id", "type", "attributes")}
        return {
            "eventType": event["type"],
            "id": event.get("id"),
            "attributes": event.get("attributes", {}),
            **extra,
            "type": event["type"],
        }

    def record_of_text(self, key: Any, level: str, timestamp: str, event_type: str, event: str) -> str | None:
        """Return the text of a record that holds the event's own text, with its fields in the record's order."""
        kind = self.encode(event_type)
        middle = f'","type":{kind},'
        if not event.startswith('{"id":"') or not event.startswith(middle, _ID_END):
            return None
        return (
            f'{{"timestamp": "{timestamp}", "logLevel": "{level}", "eventType": {kind}, "key": {self.encode(key)}, "event": '
            f'{{"eventType":{kind},{event[1 : _ID_END + 1]},{event[_ID_END + len(middle) : -1]},"type":{kind}}}}}'
        )

    def record(
        self, key: Any, level: str, timestamp: str, event: Mapping[str, Any], content: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the record, with the event nested in it."""
        return {"timestamp": timestamp, "logLevel": level, "eventType": event["type"], "key": key, "event": content}


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
    return EventLog(log_file(directory, "events", name), config)
