"""A warm process in the job environment that submits endless jobs. Not a test module.

``submit`` starts a job that reads every file of a directory, each line a JSON object with a key,
runs an agent over it in upstream's environment and writes its outputs, committed at checkpoints.
``config`` are the agent's options. It replies ``{"job_id"}``.
"""

from __future__ import annotations

import json
from typing import Any

from flink_agents_runtime.channel import serve


def hello() -> dict[str, Any]:
    from pyflink.java_gateway import get_gateway

    from flink_agents_runtime.on_flink import environment

    assert environment
    get_gateway()
    return {}


def submit(request: dict[str, Any]) -> dict[str, Any]:
    from pyflink.common import Duration, Encoder, Types, WatermarkStrategy
    from pyflink.datastream.connectors.file_system import FileSink, FileSource, RollingPolicy, StreamFormat

    from flink_agents_runtime.on_flink.environment import FlinkEnvironment
    from flink_agents_runtime.on_flink.submitter import _environment, _job_options
    from flink_agents_runtime.plan.agent_reference import agent_named

    env = _environment(request["rest_url"], _job_options(request))
    env.set_parallelism(request["parallelism"])
    source = (
        FileSource.for_record_stream_format(StreamFormat.text_line_format(), f"file://{request['inputs']}")
        .monitor_continuously(Duration.of_millis(200))
        .build()
    )
    lines = env.from_source(source, WatermarkStrategy.no_watermarks(), "lines").uid("lines").set_parallelism(1)
    values = lines.map(json.loads).uid("values").set_parallelism(1)
    agents = FlinkEnvironment(env)
    for name, value in request["config"].items():
        agents.get_config().set_str(name, value)
    outputs = agents.from_datastream(values, _key).apply(agent_named(request["agent"])).to_datastream()
    sink = (
        FileSink.for_row_format(f"file://{request['outputs']}", Encoder.simple_string_encoder())
        .with_rolling_policy(RollingPolicy.on_checkpoint_rolling_policy())
        .build()
    )
    outputs.map(json.dumps, output_type=Types.STRING()).uid("texts").sink_to(sink).uid("files")
    return {"job_id": str(env.execute_async("endless").get_job_id())}


def _key(value: dict[str, Any]) -> Any:
    return value["key"]


if __name__ == "__main__":
    # As a module of its own name: what workers are to find of it is imported there.
    from tests.support import endless_jobs

    serve({"submit": endless_jobs.submit}, hello)
