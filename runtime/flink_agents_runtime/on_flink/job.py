"""The job around the bundled operator, from JSON lines to JSON lines."""

from __future__ import annotations

import json

from pyflink.common import Types
from pyflink.datastream import DataStream, KeyedProcessFunction, StreamExecutionEnvironment

from flink_agents_runtime.on_flink.operator import key_text
from flink_agents_runtime.on_flink.source_and_sink import SourceAndSink

OPERATOR_NAME = "action-execute-operator"


def build_job(
    env: StreamExecutionEnvironment, operator: KeyedProcessFunction, *, connectors: SourceAndSink, parallelism: int
) -> None:
    """Add source, operator and sink to ``env``.

    Inputs and outputs are lines ``{"input": number, "key", "value"}``.
    """
    env.set_parallelism(parallelism)
    connectors.sink(_connect(connectors.lines(env), operator))


def _connect(lines: DataStream, operator: KeyedProcessFunction) -> DataStream:
    keyed = lines.key_by(key_of, key_type=Types.STRING())
    return keyed.process(operator, output_type=Types.STRING()).name(OPERATOR_NAME).uid(OPERATOR_NAME)


def key_of(line: str) -> str:
    """Return a record's key as JSON text, which separates 1 and "1"."""
    return key_text(json.loads(line)["key"])
