"""A job of flink-agents 0.1 as upstream documents it: each customer's running total."""

import json
import sys

from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from pyflink.common import Encoder, Types, WatermarkStrategy
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.datastream.connectors.file_system import FileSink, FileSource, StreamFormat

from tests.support.agents.typed_events import TypedTill

source, sink = sys.argv[1:3]
env = StreamExecutionEnvironment.get_execution_environment()
lines = env.from_source(
    FileSource.for_record_stream_format(StreamFormat.text_line_format(), f"file://{source}").build(),
    WatermarkStrategy.no_watermarks(),
    "purchases",
)
purchases = lines.map(lambda line: {"item": json.loads(line)["key"], "amount": json.loads(line)["value"]["amount"]})
agents = AgentsExecutionEnvironment.get_execution_environment(env)
booked = agents.from_datastream(purchases, lambda purchase: purchase["item"]).apply(TypedTill()).to_datastream()
texts = booked.map(lambda value: json.dumps({"key": value["item"], "value": value}), output_type=Types.STRING())
texts.sink_to(FileSink.for_row_format(f"file://{sink}", Encoder.simple_string_encoder()).build())
agents.execute()
