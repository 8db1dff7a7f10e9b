"""A job that sets one option itself and whose agent sends the options in effect on the worker."""

import json
import sys

from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from pyflink.common import Encoder, Types
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.datastream.connectors.file_system import FileSink

from tests.support.jobs.purchases import Settings

env = StreamExecutionEnvironment.get_execution_environment()
agents = AgentsExecutionEnvironment.get_execution_environment(env)
agents.get_config().set_int("num-async-threads", 4)
inputs = env.from_collection(["any"], type_info=Types.STRING())
outputs = agents.from_datastream(inputs, lambda value: value).apply(Settings()).to_datastream()
texts = outputs.map(json.dumps, output_type=Types.STRING())
texts.sink_to(FileSink.for_row_format(f"file://{sys.argv[2]}", Encoder.simple_string_encoder()).build())
agents.execute()
