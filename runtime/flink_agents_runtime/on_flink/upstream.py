"""The job around upstream's own Java operator.

Upstream's operator emits outputs without their key. The time stamp identifies the input: the
operator copies it from an input to the outputs of its run, and here it is the number of the input.
Agents cannot see it, because Python actions have no access to event time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import cloudpickle
from pydantic_core import to_jsonable_python
from pyflink.common import Row, Types, WatermarkStrategy
from pyflink.datastream import DataStream, ProcessFunction, StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway
from pyflink.util.java_utils import add_jars_to_context_class_loader, invoke_method

from flink_agents_runtime.on_flink.source_and_sink import SourceAndSink
from flink_agents_runtime.plan.trigger import event_type_of

_COMPILER = "org.apache.flink.agents.runtime.CompileUtils"
_KEYED = "org.apache.flink.streaming.api.datastream.KeyedStream"


def add_upstream_jars(jars: Sequence[str]) -> None:
    """Add upstream's classes to the client's JVM; the cluster has them."""
    add_jars_to_context_class_loader([f"file://{jar}" for jar in jars])


def planned_actions(plan: str) -> list[dict[str, Any]]:
    """Return ``name``, ``function``, ``java`` (class) and ``events`` (types) of each action of a plan's JSON text.

    Upstream's engine reports a failed action by its function only. Nothing is returned for a plan with conditions: which
    events they let through is not known.
    """
    data = json.loads(plan)
    events = _events_by_action(data)
    if any(None in each for each in events.values()):
        return []
    return [
        {"name": name, **_function_of(action["exec"]), "events": events.get(name, [])}
        for name, action in data["actions"].items()
    ]


def _events_by_action(plan: Mapping[str, Any]) -> dict[str, list[str | None]]:
    """Return the event types of each action, None for a condition."""
    if "actions_by_event" not in plan:
        return {
            name: [event_type_of(trigger) for trigger in action["trigger_conditions"]]
            for name, action in plan["actions"].items()
        }
    events: dict[str, list[str | None]] = {}
    for event, names in plan["actions_by_event"].items():
        for name in names:
            events.setdefault(name, []).append(event)
    return events


def _function_of(function: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of a function and of its Java class, which is empty for Python."""
    if "method_name" in function:
        return {"function": function["method_name"], "java": function["qualname"]}
    return {"function": str(function.get("qualname", "")).rpartition(".")[2], "java": ""}


def build_upstream_job(
    env: StreamExecutionEnvironment, plan: str, *, connectors: SourceAndSink, parallelism: int
) -> None:
    """Add source, upstream's operator and sink to ``env``.

    Inputs are lines ``{"input": number, "key", "value"}``, outputs ``{"input": number, "value"}``.
    """
    env.set_parallelism(parallelism)
    j_keyed = _keyed(connectors.lines(env))
    # The operator takes its parallelism from the keyed stream. The sink has the same, which keeps the order.
    j_keyed.getTransformation().setParallelism(parallelism)
    j_outputs = invoke_method(None, _COMPILER, "connectToAgent", [j_keyed, plan], [_KEYED, "java.lang.String"])
    # No output type, as in upstream's own environment: the outputs are pickled bytes.
    connectors.sink(DataStream(j_outputs).process(_Numbered(), output_type=Types.STRING()))


def build_java_job(
    env: StreamExecutionEnvironment, plan: str, input_class: str, *, connectors: SourceAndSink, parallelism: int
) -> None:
    """Add source, a Java agent and sink to ``env``, with lines as in :func:`build_upstream_job`.

    No Python is between source and sink: the inputs are objects of ``input_class``.
    """
    env.set_parallelism(parallelism)
    lines = connectors.lines(env)._j_data_stream  # noqa: SLF001  PyFlink has no public accessor
    j_outputs = get_gateway().jvm.flinkagents.gate.JsonLines.throughAgent(lines, plan, input_class, parallelism)
    connectors.sink(DataStream(j_outputs))


def _keyed(lines: DataStream) -> Any:
    """Return the keyed stream of pickled rows that upstream's operator expects.

    One Python stage makes the rows; PyFlink's own key_by and time stamp assigner would add two.
    """
    pair = Types.ROW([Types.PICKLED_BYTE_ARRAY(), Types.PICKLED_BYTE_ARRAY()])
    rows = lines.map(_row, output_type=Types.TUPLE([pair, Types.LONG()])).set_parallelism(1)
    jvm = get_gateway().jvm
    functions = jvm.org.apache.flink.streaming.api.functions.python
    numbers = WatermarkStrategy.no_watermarks()._j_watermark_strategy.withTimestampAssigner(  # noqa: SLF001  PyFlink has no public accessor
        functions.eventtime.CustomTimestampAssigner()
    )
    j_numbered = rows._j_data_stream.assignTimestampsAndWatermarks(numbers)  # noqa: SLF001  as above
    j_numbered.setParallelism(1)
    j_rows = j_numbered.map(functions.eventtime.RemoveTimestampMapFunction(), pair.get_java_type_info())
    j_rows.setParallelism(1)
    key_type = Types.ROW([Types.PICKLED_BYTE_ARRAY()]).get_java_type_info()
    return j_rows.keyBy(functions.KeyByKeySelector(), key_type)


def _row(line: str) -> tuple[Row, int]:
    record = json.loads(line)
    return Row(record["key"], record["value"]), record["input"]


class _Numbered(ProcessFunction):
    """Writes an output as JSON with the number of its input."""

    def process_element(self, value: bytes, ctx: ProcessFunction.Context) -> Iterator[str]:
        """Convert one output of the operator."""
        output = cloudpickle.loads(value)
        yield json.dumps({"input": ctx.timestamp(), "value": to_jsonable_python(output, fallback=_plain)})


def _plain(value: Any) -> Any:
    if isinstance(value, Row):
        return value.as_dict() if hasattr(value, "_fields") else list(value)
    raise TypeError(f"an output of type {type(value).__name__} cannot be written as JSON")
