"""A job with one agent, from a file to a directory."""

import json
import sys

from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from pyflink.common import Encoder, Types, WatermarkStrategy
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.datastream.connectors.file_system import FileSink, FileSource, StreamFormat

from tests.support.jobs.purchases import Booking

source, sink = sys.argv[1:3]
env = StreamExecutionEnvironment.get_execution_environment()
lines = env.from_source(
    FileSource.for_record_stream_format(StreamFormat.text_line_format(), f"file://{source}").build(),
    WatermarkStrategy.no_watermarks(),
    "purchases",
)
purchases = lines.map(lambda line: {"customer": json.loads(line)["key"], **json.loads(line)["value"]})
agents = AgentsExecutionEnvironment.get_execution_environment(env)
booked = agents.from_datastream(purchases, lambda purchase: purchase["customer"]).apply(Booking()).to_datastream()
texts = booked.map(lambda value: json.dumps({"key": value["customer"], "value": value}), output_type=Types.STRING())
texts.sink_to(FileSink.for_row_format(f"file://{sink}", Encoder.simple_string_encoder()).build())
agents.execute("booked")
