"""A user's endless job in the DataStream API over topics: numbered purchases in, each customer's running total out.

Arguments: Kafka's address, the topic of inputs, the topic of outputs, the jar of Flink's Kafka connector, and a version:
``v1`` or ``v2``, which differ in what they write; ``moved`` has the total under another uid, ``renamed`` under
another name, ``retyped`` as a text;
``anew`` drops the savepoint that it was started from, ``dropping`` the state that does not fit; ``process`` runs in
process mode; ``twice`` is two jobs; ``stuck`` never returns from the third purchase of a customer.
"""

import json
import sys
import time
from pathlib import Path

from pyflink.common import Configuration, SimpleStringSchema, Types, WatermarkStrategy
from pyflink.datastream import KeyedProcessFunction, StreamExecutionEnvironment
from pyflink.datastream.connectors.base import DeliveryGuarantee
from pyflink.datastream.connectors.kafka import (
    KafkaOffsetResetStrategy,
    KafkaOffsetsInitializer,
    KafkaRecordSerializationSchema,
    KafkaSink,
    KafkaSource,
)
from pyflink.datastream.state import ValueStateDescriptor

bootstrap, source, sink, connector, version = sys.argv[1:]


class Totals(KeyedProcessFunction):
    """Adds up the purchases of a customer."""

    def open(self, runtime_context):
        kind = Types.STRING() if version == "retyped" else Types.LONG()
        name = "sum" if version == "renamed" else "total"
        self.total = runtime_context.get_state(ValueStateDescriptor(name, kind))

    def process_element(self, value, ctx):
        record = json.loads(value)
        bought = record["value"]
        total = int(self.total.value() or 0) + bought["amount"]
        while version == "stuck" and total == 3:
            time.sleep(0.5)
        self.total.update(str(total) if version == "retyped" else total)
        outcome = {"customer": record["key"], "total": total, "version": version}
        yield json.dumps({"key": record["key"], "value": outcome, "input": bought["number"]})


options = Configuration()
options.set_string("execution.checkpointing.interval", "1s")
if version == "dropping":
    options.set_string("execution.state-recovery.ignore-unclaimed-state", "true")
if version == "process":
    options.set_string("python.execution-mode", "process")
env = StreamExecutionEnvironment.get_execution_environment(options)
if version == "anew":
    env._j_stream_execution_environment.getConfiguration().removeKey("execution.state-recovery.path")
env.add_jars(Path(connector).as_uri())
offsets = KafkaOffsetsInitializer.committed_offsets(KafkaOffsetResetStrategy.EARLIEST)
purchases = (
    KafkaSource.builder()
    .set_bootstrap_servers(bootstrap)
    .set_topics(source)
    .set_group_id(source)
    .set_starting_offsets(offsets)
    .set_value_only_deserializer(SimpleStringSchema())
    .build()
)
values = KafkaRecordSerializationSchema.builder().set_topic(sink)
totals = (
    KafkaSink.builder()
    .set_bootstrap_servers(bootstrap)
    .set_record_serializer(values.set_value_serialization_schema(SimpleStringSchema()).build())
    .set_delivery_guarantee(DeliveryGuarantee.EXACTLY_ONCE)
    .set_transactional_id_prefix(sink)
    .set_property("transaction.timeout.ms", "300000")
    .build()
)
stream = env.from_source(purchases, WatermarkStrategy.no_watermarks(), "purchases").uid("purchases")
keyed = stream.key_by(lambda line: json.loads(line)["key"], key_type=Types.STRING())
moved = version in ("moved", "dropping")
added = keyed.process(Totals(), output_type=Types.STRING()).uid("totals-2" if moved else "totals")
added.sink_to(totals).uid("sink")
env.execute("totals of the DataStream API")
if version == "twice":
    env.from_collection([1]).print()
    env.execute("another job")
