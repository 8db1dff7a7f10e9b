"""All logs of events that an agent's options ask for, as one observer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flink_agents.plan.configuration import AgentConfiguration

from flink_agents_runtime.observe.event_log import event_log
from flink_agents_runtime.observe.json_log import JsonLog
from flink_agents_runtime.observe.trace_log import trace_log


class Logs:
    """Several logs of the same events."""

    def __init__(self, logs: Sequence[JsonLog]) -> None:
        self._logs = tuple(logs)

    def __bool__(self) -> bool:
        """Return True if there is a log: an observer costs a call for each event."""
        return bool(self._logs)

    def event_processed(self, key: Any, event_type: str, event: str) -> None:
        """Write the records of one event, which is given as JSON text."""
        for log in self._logs:
            log.event_processed(key, event_type, event)

    def count_truncated(self, count: Callable[[], None]) -> None:
        """Call ``count`` for each truncated event."""
        for log in self._logs:
            log.on_truncated = count

    def close(self) -> None:
        """Close the files."""
        for log in self._logs:
            log.close()


def logs_of(config: AgentConfiguration, name: str, agent: str) -> Logs:
    """Return the event log and the trace log of an agent, as far as its options ask for them."""
    logs = (event_log(config, name), trace_log(config, name, agent))
    return Logs([log for log in logs if log is not None])
