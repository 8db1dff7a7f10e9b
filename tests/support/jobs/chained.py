"""A job as upstream documents it: two agents, one after the other, from a file to a directory."""

import json
import sys
from pathlib import Path

from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from pyflink.common import Encoder, Types, WatermarkStrategy
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.datastream.connectors.file_system import FileSink, FileSource, StreamFormat

from tests.support.jobs.purchases import Booking, Praise

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
praised = agents.from_datastream(booked, lambda booking: booking["customer"]).apply(Praise()).to_datastream()
texts = praised.map(lambda value: json.dumps({"key": value["customer"], "value": value}), output_type=Types.STRING())
texts.sink_to(FileSink.for_row_format(f"file://{sink}", Encoder.simple_string_encoder()).build())
# Where the test wants to see under which identities their state is kept.
if sys.argv[3:]:
    uids = [stream._j_data_stream.getTransformation().getUid() for stream in (booked, praised)]
    Path(sys.argv[3]).write_text(json.dumps(uids))
agents.execute("chained")
