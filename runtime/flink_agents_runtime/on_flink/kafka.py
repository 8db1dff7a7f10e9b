"""Kafka topics as source and sink of a job.

The source is bounded by the topic's end at the start of the job, or by a number of records that are
still to come. The sink writes in transactions
that checkpoints commit, so that a reader of committed records sees each output once, whatever
fails in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyflink.common import SimpleStringSchema, WatermarkStrategy
from pyflink.datastream import DataStream, StreamExecutionEnvironment
from pyflink.datastream.connectors.base import DeliveryGuarantee
from pyflink.datastream.connectors.kafka import (
    KafkaOffsetResetStrategy,
    KafkaOffsetsInitializer,
    KafkaRecordSerializationSchema,
    KafkaSink,
    KafkaSource,
    KafkaTopicPartition,
)

# Longer than a checkpoint and a restart together: a broker that aborts a transaction earlier drops outputs that a
# checkpoint covers. At most 15 minutes, the default limit of brokers (transaction.max.timeout.ms).
_TRANSACTION_TIMEOUT_MS = 5 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Topics:
    """Two existing topics.

    ``connector`` has the paths of the connector's jars, which the job ships to the cluster; of two
    classes of one name the first counts.
    ``transactions`` is the prefix of the transactional ids and must be unique to the job.
    ``guarantee`` is ``exactly_once`` or ``at_least_once``. ``properties`` are those of Kafka's client
    that a broker with TLS or a login needs. ``records`` is the number of inputs if some of them are
    written while the job runs, into a topic of one partition; None if all are there. A job that ``continues`` begins
    where the consumer group stands, which checkpoints move on.
    """

    bootstrap: str
    inputs: str
    outputs: str
    connector: Sequence[str]
    transactions: str
    guarantee: str
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)
    records: int | None = None
    continues: bool = False

    def lines(self, env: StreamExecutionEnvironment) -> DataStream:
        """Return the committed records, up to the current end of each partition or the last one to come."""
        env.add_jars(*(Path(jar).as_uri() for jar in self.connector))
        builder = (
            KafkaSource.builder()
            .set_bootstrap_servers(self.bootstrap)
            .set_topics(self.inputs)
            .set_group_id(self.transactions)
            .set_starting_offsets(self._start())
            .set_bounded(self._end())
            .set_property("isolation.level", "read_committed")
            .set_value_only_deserializer(SimpleStringSchema())
        )
        for name, value in self.properties.items():
            builder = builder.set_property(name, value)
        source = builder.build()
        lines = env.from_source(source, WatermarkStrategy.no_watermarks(), "inputs")
        return lines.uid("inputs").set_parallelism(1)

    def _start(self) -> KafkaOffsetsInitializer:
        if not self.continues:
            return KafkaOffsetsInitializer.earliest()
        return KafkaOffsetsInitializer.committed_offsets(KafkaOffsetResetStrategy.EARLIEST)

    def _end(self) -> KafkaOffsetsInitializer:
        if self.records is None:
            return KafkaOffsetsInitializer.latest()
        # Their offsets count from 0 without gaps: no transaction writes to this topic.
        return KafkaOffsetsInitializer.offsets({KafkaTopicPartition(self.inputs, 0): self.records})

    def sink(self, lines: DataStream) -> None:
        """Write to the topic in transactions that checkpoints commit."""
        serializer = (
            KafkaRecordSerializationSchema.builder()
            .set_topic(self.outputs)
            .set_value_serialization_schema(SimpleStringSchema())
            .build()
        )
        builder = (
            KafkaSink.builder()
            .set_bootstrap_servers(self.bootstrap)
            .set_record_serializer(serializer)
            .set_delivery_guarantee(DeliveryGuarantee[self.guarantee.upper()])
            .set_transactional_id_prefix(self.transactions)
            .set_property("transaction.timeout.ms", str(_TRANSACTION_TIMEOUT_MS))
        )
        for name, value in self.properties.items():
            builder = builder.set_property(name, value)
        lines.sink_to(builder.build()).name("outputs").uid("outputs")
