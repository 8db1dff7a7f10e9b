"""Reports of what runs inside an action: calls of models and tools, counted under the names of flink-agents 0.4.

Its built-in actions report to a context that can take reports; older ones know no reports.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter_ns
from types import MappingProxyType
from typing import Any

from flink_agents.api.metric_group import MetricGroup

_FOUND = importlib.util.find_spec("flink_agents.api.trace") is not None
if _FOUND:
    from flink_agents.api.trace import ExecutionReporter
else:
    ExecutionReporter = object
_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class _Scope:
    """The metrics of one type of entity: the word of their group, and the names in it."""

    group: str
    succeeded: str
    failed: str
    latency: str


_SCOPES: Mapping[str, _Scope] = MappingProxyType(
    {
        "llm": _Scope("model_resource", "numOfLlmCallsSucceeded", "numOfLlmCallsFailed", "llmCallLatencyMs"),
        "tool": _Scope("tool", "numOfToolCallsSucceeded", "numOfToolCallsFailed", "toolCallLatencyMs"),
    }
)
_CALL = "toolCallId"


class Reports:
    """The reports of one attempt at an action, as metrics below its group. Other types of entities have none."""

    def __init__(self, group: MetricGroup) -> None:
        self._group = group
        # On the clock of time.perf_counter_ns.
        self._began_ns: dict[tuple[str, str, str], int] = {}

    def started(self, kind: str, name: str, metadata: Mapping[str, Any] | None) -> None:
        """Note when an execution began."""
        if kind in _SCOPES:
            self._began_ns[_execution(kind, name, metadata)] = perf_counter_ns()

    def ended(self, kind: str, name: str, metadata: Mapping[str, Any] | None, *, failed: bool) -> None:
        """Count an execution, with its latency if its beginning was reported."""
        scope = _SCOPES.get(kind)
        if scope is None:
            return
        group = self._group.get_sub_group(scope.group, name)
        group.get_counter(scope.failed if failed else scope.succeeded).inc()
        began_ns = self._began_ns.pop(_execution(kind, name, metadata), None)
        if began_ns is not None:
            group.get_histogram(scope.latency).update((perf_counter_ns() - began_ns) // _NS_PER_MS)


def _execution(kind: str, name: str, metadata: Mapping[str, Any] | None) -> tuple[str, str, str]:
    return kind, name, str((metadata or {}).get(_CALL, ""))


class ReportingContext(ExecutionReporter):
    """The part of a context that takes reports, if the installed package makes any."""

    if _FOUND:

        def report_execution_started(
            self, entity_type: str, entity_name: str, entity_metadata: Mapping[str, Any] | None = None
        ) -> None:
            """Take the report of a beginning."""
            self.running().reports.started(entity_type, entity_name, entity_metadata)

        def report_execution_succeeded(
            self, entity_type: str, entity_name: str, entity_metadata: Mapping[str, Any] | None = None
        ) -> None:
            """Take the report of a success."""
            self.running().reports.ended(entity_type, entity_name, entity_metadata, failed=False)

        def report_execution_failed(
            self,
            entity_type: str,
            entity_name: str,
            entity_metadata: Mapping[str, Any] | None,
            error: BaseException,
            problem_category: str | None = None,
        ) -> None:
            """Take the report of a failure."""
            self.running().reports.ended(entity_type, entity_name, entity_metadata, failed=True)

    @property
    def reports(self) -> Reports:
        """Return the reports of this attempt."""
        raise NotImplementedError

    def running(self) -> ReportingContext:
        """Return the context of the action that runs on this thread."""
        raise NotImplementedError
