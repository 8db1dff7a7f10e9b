"""The trace log of flink-agents 0.4, which takes the place of the event log.

    {"timestamp", "detail", "businessKey", "agentName", "entityType": "event", "entityName",
     "entityMetadata": {"eventId", "upstreamEventId"?, "upstreamActionName"?}, "attributes"}

Source: upstream's monitoring page; no package that has it could be run here. Only events are recorded, whatever the
targets say of other entities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flink_agents_runtime.config.catalogue import LEVELS, OFF, STANDARD
from flink_agents_runtime.config.options import OptionError, integer, truth
from flink_agents_runtime.observe.json_log import JsonLog, log_file
from flink_agents_runtime.observe.truncation import Limits

DIRECTORY, OUTPUT = "trace-log.base-dir", "trace-log.output-type"
TARGETS, _PRETTY = "trace-log.targets", "trace-log.pretty-print"
_EVENT_ONLY, _ALL = PRESETS = ("EVENT_ONLY", "ALL")
_EVENT = "event"
_LIMITS = {
    "trace-log.standard.max-string-length": 2000,
    "trace-log.standard.max-array-elements": 20,
    "trace-log.standard.max-depth": 5,
}


class TraceLog(JsonLog):
    """A log of events as trace records, with the levels of ``trace-log.targets``."""

    logger = "org.apache.flink.agents.TraceLog"

    def __init__(self, path: Any, config: Any, agent: str) -> None:
        options = config.conf_data
        self._agent = agent
        self._details = details_of(options.get(TARGETS))
        limits = Limits(*(integer(key, options.get(key, value), 0) for key, value in _LIMITS.items()))
        super().__init__(path, limits=limits, pretty=truth(_PRETTY, options.get(_PRETTY, False)))

    def level_of(self, event_type: str) -> str:
        """Return the detail of the most specific target of an event type."""
        exact = self._details.get(event_type)
        if exact is not None:
            return exact
        name = event_type
        while name:
            of_prefix = self._details.get(f"{name}.*")
            if of_prefix is not None:
                return of_prefix
            name = name.rpartition(".")[0]
        return self._details.get("", OFF)

    def content(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return the attributes, which alone may be truncated."""
        return {"attributes": event.get("attributes", {})}

    def record(
        self, key: Any, level: str, timestamp: str, event: Mapping[str, Any], content: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the trace record of an event."""
        lineage = {name: event[name] for name in ("upstreamEventId", "upstreamActionName") if event.get(name)}
        return {
            "timestamp": timestamp,
            "detail": level,
            "businessKey": key,
            "agentName": self._agent,
            "entityType": _EVENT,
            "entityName": event["type"],
            "entityMetadata": {"eventId": event.get("id"), **lineage},
            **content,
        }


def trace_log(config: Any, name: str, agent: str) -> TraceLog | None:
    """Return the trace log that the options ask for, or None.

    ``trace-log.base-dir`` names the directory of the file ``traces-NAME.log``; with ``trace-log.output-type: file`` alone it is
    ``flink-agents`` below the one for temporary files, and with ``slf4j`` records go to the logger.
    """
    directory = str(config.conf_data.get(DIRECTORY) or "").strip()
    output = str(config.conf_data.get(OUTPUT) or "").lower()
    if not directory and not output:
        return None
    if output not in ("", "file", "slf4j"):
        raise OptionError(OUTPUT, config.conf_data[OUTPUT], "FILE or SLF4J")
    if output == "slf4j" and not directory:
        return TraceLog(None, config, agent)
    return TraceLog(log_file(directory, "traces", name), config, agent)


def details_of(targets: Any) -> dict[str, str]:
    """Return the details of events by name or ``prefix.*``; the empty name is that of all others.

    Raises :class:`OptionError` for a target that upstream does not describe.
    """
    if targets is None:
        return {"": STANDARD}
    if not isinstance(targets, Sequence) or isinstance(targets, str):
        raise OptionError(TARGETS, targets, "a list of targets")
    presets: dict[str, str | None] = {}
    named: dict[str, str | None] = {}
    for target in targets:
        scope, detail = _target(target)
        if isinstance(scope, str):
            presets[scope] = detail
        elif scope["entityType"] == _EVENT:
            named[str(scope.get("entityName", ""))] = detail
    of_all = presets.get(_ALL) or (STANDARD if _ALL in presets else None)
    of_events = presets.get(_EVENT_ONLY) or (of_all or STANDARD if _EVENT_ONLY in presets else of_all)
    details = {name: detail or of_events or STANDARD for name, detail in named.items()}
    return {"": of_events or OFF} | details


def _target(target: Any) -> tuple[str | Mapping[str, Any], str | None]:
    """Return scope and detail of a target."""
    expected = f"a scope ({', '.join(PRESETS)}, or an entityType with an entityName) and a detail ({', '.join(LEVELS)})"
    if isinstance(target, Mapping) and not set(target) - {"scope", "detail"}:
        scope: str | Mapping[str, Any] | None = target.get("scope")
        known = scope in PRESETS if isinstance(scope, str) else isinstance(scope, Mapping) and "entityType" in scope
        if known and scope is not None and target.get("detail") in (None, *LEVELS):
            return scope, target.get("detail")
    raise OptionError(TARGETS, target, expected)
