"""The job around the operator: JSON lines in from a file, JSON lines out to files."""

from __future__ import annotations

import json

from pyflink.common import Encoder, Types, WatermarkStrategy
from pyflink.datastream import DataStream, StreamExecutionEnvironment
from pyflink.datastream.connectors.file_system import BucketAssigner, FileSink, FileSource, RollingPolicy, StreamFormat

from flink_agents_runtime.on_flink.operator import AgentOperator

OPERATOR_NAME = "action-execute-operator"
_NEVER_MS = 24 * 3600 * 1000


def build_job(
    env: StreamExecutionEnvironment, plan_json: str, *, inputs: str, outputs: str, parallelism: int, name: str
) -> None:
    """Add source, operator and sink to ``env``. ``inputs`` is a file of ``{"key", "value"}`` lines, ``outputs`` a directory.

    The source runs alone, so that the order of the file is the order of each key.
    """
    env.set_parallelism(parallelism)
    source = FileSource.for_record_stream_format(StreamFormat.text_line_format("UTF-8"), inputs).build()
    lines = env.from_source(source, WatermarkStrategy.no_watermarks(), "inputs").set_parallelism(1)
    _connect(lines, AgentOperator(plan_json, name)).sink_to(_sink(outputs)).name("outputs")


def _connect(lines: DataStream, operator: AgentOperator) -> DataStream:
    pair = Types.TUPLE([Types.STRING(), Types.STRING()])
    keyed = lines.map(_with_key, output_type=pair).set_parallelism(1).key_by(_key, key_type=Types.STRING())
    return keyed.process(operator, output_type=Types.STRING()).name(OPERATOR_NAME).uid(OPERATOR_NAME)


def _with_key(line: str) -> tuple[str, str]:
    # JSON keeps the type: the keys 1 and "1" stay two keys.
    return json.dumps(json.loads(line)["key"], sort_keys=True), line


def _key(record: tuple[str, str]) -> str:
    return record[0]


def _sink(outputs: str) -> FileSink:
    """One file a subtask, so that order within it is the order of the outputs."""
    policy = RollingPolicy.default_rolling_policy(
        part_size=1 << 40, rollover_interval=_NEVER_MS, inactivity_interval=_NEVER_MS
    )
    return (
        FileSink.for_row_format(outputs, Encoder.simple_string_encoder("UTF-8"))
        .with_bucket_assigner(BucketAssigner.base_path_bucket_assigner())
        .with_rolling_policy(policy)
        .build()
    )
