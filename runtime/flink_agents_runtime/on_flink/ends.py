"""A job's two ends, as data: where its records come from and where its outputs go. JSON lines either way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pyflink.datastream import DataStream, StreamExecutionEnvironment

from flink_agents_runtime.on_flink.files import Files
from flink_agents_runtime.on_flink.kafka import Topics


class Ends(Protocol):
    """A bounded source and a sink that fit each other. What is read keeps its order within a key."""

    def lines(self, env: StreamExecutionEnvironment) -> DataStream:
        """The records, from a source with parallelism 1."""

    def sink(self, lines: DataStream) -> None:
        """Write the outputs."""


def ends_of(named: Mapping[str, Mapping[str, str]]) -> Ends:
    """The ends that a request names, ``{"files": {...}}`` or ``{"kafka": {...}}``, with the fields of their class."""
    ((kind, fields),) = named.items()
    ends: type[Files | Topics] = {"files": Files, "kafka": Topics}[kind]
    return ends(**fields)
