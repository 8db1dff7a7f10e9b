"""A job that outputs the time stamps of an agent's outputs, and if the watermark had passed them.

Inputs are numbered and have event times one second apart, with a watermark after each.
"""

import json
import sys

from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from pyflink.common import Encoder, Types, WatermarkStrategy
from pyflink.datastream import KeyedProcessFunction, StreamExecutionEnvironment
from pyflink.datastream.connectors.file_system import FileSink

from tests.support.jobs.purchases import Booking, Praise, Second


class Stamps(KeyedProcessFunction):
    """The output's expected time stamp, its actual one, and if the watermark had passed it."""

    def process_element(self, value, ctx):
        at = value["total"] * 1000
        late = ctx.timer_service().current_watermark() >= at
        yield json.dumps({"key": "at once" if "praised" in value else "waited", "value": [at, ctx.timestamp(), late]})


env = StreamExecutionEnvironment.get_execution_environment()
env.get_config().set_auto_watermark_interval(1)
inputs = [{"customer": f"c{n}", "amount": n, "total": n} for n in range(1, 6)]
strategy = WatermarkStrategy.for_monotonous_timestamps().with_timestamp_assigner(Second())
stamped = env.from_collection(inputs).assign_timestamps_and_watermarks(strategy)
agents = AgentsExecutionEnvironment.get_execution_environment(env)
for agent in (Booking(), Praise()):
    outputs = agents.from_datastream(stamped, lambda purchase: purchase["customer"]).apply(agent).to_datastream()
    texts = outputs.key_by(lambda value: value["customer"]).process(Stamps(), output_type=Types.STRING())
    texts.sink_to(FileSink.for_row_format(f"file://{sys.argv[2]}", Encoder.simple_string_encoder()).build())
agents.execute()
