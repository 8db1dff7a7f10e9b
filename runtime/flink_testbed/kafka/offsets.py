"""The offsets of a topic, and the errors of a leader that is not ready to answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

Isolation = Literal["read_committed", "read_uncommitted"]

_LEVELS = {
    "read_committed": IsolationLevel.READ_COMMITTED,
    "read_uncommitted": IsolationLevel.READ_UNCOMMITTED,
}
# The errors of a broker that does not know yet that it leads a partition, and after the loss of a
# leader.
_UNSETTLED = (
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.OFFSET_NOT_AVAILABLE,
)


def list_offsets(
    admin: AdminClient, topic: str, partitions: Iterable[int], which: OffsetSpec, isolation: Isolation, timeout_s: float
) -> dict[int, int]:
    """Return the offset of each partition. Raises ``KafkaException`` or ``TimeoutError``."""
    asked = {TopicPartition(topic, partition): which for partition in partitions}
    answers = admin.list_offsets(asked, isolation_level=_LEVELS[isolation], request_timeout=timeout_s)
    return {at.partition: future.result(timeout_s).offset for at, future in answers.items()}


def is_unsettled(error: Exception) -> bool:
    """Return whether an error of Kafka's client passes once the leaders of a topic know that they lead it."""
    return isinstance(error, KafkaException) and error.args[0].code() in _UNSETTLED
