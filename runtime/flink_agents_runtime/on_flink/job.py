"""The job around the bundled operator: JSON lines in, JSON lines out."""

from __future__ import annotations

import json

from pyflink.common import Types
from pyflink.datastream import DataStream, StreamExecutionEnvironment

from flink_agents_runtime.on_flink.ends import Ends
from flink_agents_runtime.on_flink.operator import AgentOperator, key_text

OPERATOR_NAME = "action-execute-operator"


def build_job(env: StreamExecutionEnvironment, plan_json: str, *, ends: Ends, parallelism: int, name: str) -> None:
    """Add source, operator and sink to ``env``. Inputs are ``{"input": number, "key", "value"}``, and so are outputs."""
    env.set_parallelism(parallelism)
    ends.sink(_connect(ends.lines(env), AgentOperator(plan_json, name)))


def _connect(lines: DataStream, operator: AgentOperator) -> DataStream:
    keyed = lines.key_by(key_of, key_type=Types.STRING())
    return keyed.process(operator, output_type=Types.STRING()).name(OPERATOR_NAME).uid(OPERATOR_NAME)


def key_of(line: str) -> str:
    """The key's JSON text. JSON keeps the type: the keys 1 and "1" stay two keys."""
    return key_text(json.loads(line)["key"])
