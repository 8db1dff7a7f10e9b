"""Kafka topics as a job's ends: JSON lines in up to where the topic ends at the start, JSON lines out in transactions.

What a reader of committed records finds is what checkpoints cover: each output once, whatever died in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pyflink.common import SimpleStringSchema, WatermarkStrategy
from pyflink.datastream import DataStream, StreamExecutionEnvironment
from pyflink.datastream.connectors.base import DeliveryGuarantee
from pyflink.datastream.connectors.kafka import (
    KafkaOffsetsInitializer,
    KafkaRecordSerializationSchema,
    KafkaSink,
    KafkaSource,
)

# Longer than a checkpoint and a restart take together: a broker that aborts earlier loses what was checkpointed. Not
# longer than the 15 minutes that brokers allow.
_TRANSACTION_TIMEOUT_MS = 5 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Topics:
    """``inputs`` and ``outputs`` are topics that exist, ``connector`` is the jar that the job brings to the cluster.

    ``transactions`` begins the names of the job's transactions, and must be no other job's; ``guarantee`` is
    ``exactly_once`` or ``at_least_once``.
    """

    bootstrap: str
    inputs: str
    outputs: str
    connector: str
    transactions: str
    guarantee: str

    def lines(self, env: StreamExecutionEnvironment) -> DataStream:
        """The committed records, partition by partition in their order, up to the offsets at which the topic ends now."""
        env.add_jars(Path(self.connector).as_uri())
        source = (
            KafkaSource.builder()
            .set_bootstrap_servers(self.bootstrap)
            .set_topics(self.inputs)
            .set_group_id(self.transactions)
            .set_starting_offsets(KafkaOffsetsInitializer.earliest())
            .set_bounded(KafkaOffsetsInitializer.latest())
            .set_property("isolation.level", "read_committed")
            .set_value_only_deserializer(SimpleStringSchema())
            .build()
        )
        return env.from_source(source, WatermarkStrategy.no_watermarks(), "inputs").set_parallelism(1)

    def sink(self, lines: DataStream) -> None:
        """Write to the topic, each subtask in transactions that a checkpoint commits."""
        serializer = (
            KafkaRecordSerializationSchema.builder()
            .set_topic(self.outputs)
            .set_value_serialization_schema(SimpleStringSchema())
            .build()
        )
        sink = (
            KafkaSink.builder()
            .set_bootstrap_servers(self.bootstrap)
            .set_record_serializer(serializer)
            .set_delivery_guarantee(DeliveryGuarantee[self.guarantee.upper()])
            .set_transactional_id_prefix(self.transactions)
            .set_property("transaction.timeout.ms", str(_TRANSACTION_TIMEOUT_MS))
            .build()
        )
        lines.sink_to(sink).name("outputs")
