"""A bounded job whose agent waits for a call and whose outputs go to a topic through its own sink.

Arguments: Kafka's address, the topic, the jar of Flink's Kafka connector, PyFlink's mode, and
``stamped`` if inputs have event times. Three customers have three purchases each.
"""

import json
import sys
from pathlib import Path

from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from pyflink.common import Configuration, SimpleStringSchema, Types, WatermarkStrategy
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.datastream.connectors.kafka import KafkaRecordSerializationSchema, KafkaSink

from tests.support.jobs.purchases import Booking, Second

bootstrap, topic, connector, mode, *stamped = sys.argv[1:]
options = Configuration()
options.set_string("python.execution-mode", mode)
env = StreamExecutionEnvironment.get_execution_environment(options)
env.add_jars(Path(connector).as_uri())
inputs = env.from_collection([{"customer": f"c{n % 3}", "amount": n} for n in range(1, 10)])
if stamped:
    strategy = WatermarkStrategy.for_monotonous_timestamps().with_timestamp_assigner(Second())
    inputs = inputs.assign_timestamps_and_watermarks(strategy)
agents = AgentsExecutionEnvironment.get_execution_environment(env)
outputs = agents.from_datastream(inputs, lambda purchase: purchase["customer"]).apply(Booking()).to_datastream()
values = KafkaRecordSerializationSchema.builder().set_topic(topic)
values = values.set_value_serialization_schema(SimpleStringSchema()).build()
sink = KafkaSink.builder().set_bootstrap_servers(bootstrap).set_record_serializer(values).build()
outputs.map(json.dumps, output_type=Types.STRING()).sink_to(sink)
agents.execute()
