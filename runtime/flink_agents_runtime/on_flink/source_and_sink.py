"""The source and sink of a job, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from pyflink.datastream import DataStream, StreamExecutionEnvironment

from flink_agents_runtime.on_flink.files import Files
from flink_agents_runtime.on_flink.kafka import Topics


class SourceAndSink(Protocol):
    """A bounded source and a sink that keep the order within a key."""

    def lines(self, env: StreamExecutionEnvironment) -> DataStream:
        """Return the records, from a source of parallelism 1."""

    def sink(self, lines: DataStream) -> None:
        """Write the outputs."""


def source_and_sink_of(named: Mapping[str, Mapping[str, Any]]) -> SourceAndSink:
    """Return the source and sink of a request.

    ``named`` is ``{"files": {...}}`` or ``{"kafka": {...}}`` with the fields of :class:`Files` or
    :class:`Topics`.
    """
    ((kind, fields),) = named.items()
    chosen: type[Files | Topics] = {"files": Files, "kafka": Topics}[kind]
    return chosen(**fields)
