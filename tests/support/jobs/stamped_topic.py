"""A bounded job of two agents that wait for a call and whose outputs go to topics through sinks of its own.

Arguments: Kafka's address, the topic for inputs with event times, the one for inputs without, the
jar of Flink's Kafka connector, and PyFlink's mode. Three customers have three purchases each.
"""

import json
import sys
from pathlib import Path

from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from pyflink.common import Configuration, SimpleStringSchema, Types, WatermarkStrategy
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.datastream.connectors.kafka import KafkaRecordSerializationSchema, KafkaSink

from tests.support.jobs.purchases import Booking, Second

bootstrap, with_times, without_times, connector, mode = sys.argv[1:]
options = Configuration()
options.set_string("python.execution-mode", mode)
env = StreamExecutionEnvironment.get_execution_environment(options)
env.add_jars(Path(connector).as_uri())
agents = AgentsExecutionEnvironment.get_execution_environment(env)
for topic in (with_times, without_times):
    inputs = env.from_collection([{"customer": f"c{n % 3}", "amount": n} for n in range(1, 10)])
    if topic == with_times:
        strategy = WatermarkStrategy.for_monotonous_timestamps().with_timestamp_assigner(Second())
        inputs = inputs.assign_timestamps_and_watermarks(strategy)
    outputs = agents.from_datastream(inputs, lambda purchase: purchase["customer"]).apply(Booking()).to_datastream()
    values = KafkaRecordSerializationSchema.builder().set_topic(topic)
    values = values.set_value_serialization_schema(SimpleStringSchema()).build()
    sink = KafkaSink.builder().set_bootstrap_servers(bootstrap).set_record_serializer(values).build()
    outputs.map(json.dumps, output_type=Types.STRING()).sink_to(sink)
agents.execute()
