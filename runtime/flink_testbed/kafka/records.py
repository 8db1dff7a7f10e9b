"""Records of a topic, as values; and reading a topic from its beginning to where it ended when the reading began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from flink_testbed.core import clock
from flink_testbed.core.problem import Problem, WaitTimeoutError

_BATCH = 1000
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class KafkaRecord:
    """One record. ``partition``, ``offset`` and ``timestamp_ms`` (since 1970) are those of a record that was read.

    To be written, a record without ``partition`` goes where its key leads, one without ``timestamp_ms`` gets the time of
    writing, and ``offset`` says nothing.
    """

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    partition: int | None = None
    offset: int | None = None
    timestamp_ms: int | None = None


def read_range(
    config: Mapping[str, Any], topic: str, begins: Mapping[int, int], ends: Mapping[int, int], timeout_s: float
) -> list[KafkaRecord]:
    """The records of each partition from its begin up to, and without, its end; by partition, then by offset.

    Offsets without a record (aborted, compacted, markers of transactions) are passed over. Raises
    :class:`WaitTimeoutError` where an end is not reached in ``timeout_s``: a part of the records is no answer.
    """
    left = {partition: ends[partition] for partition, begin in begins.items() if begin < ends[partition]}
    found: list[KafkaRecord] = []
    if not left:
        return found
    consumer = Consumer({**config, "enable.partition.eof": True, "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(topic, partition, begins[partition]) for partition in left])
        deadline, last_word = clock.now_s() + timeout_s, "no answer"
        while left:
            for message in consumer.consume(_BATCH, _POLL_S):
                error = message.error()
                if error and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                    last_word = error.str()
                    continue
                _take(message, left, found, is_end=error is not None)
            if left and clock.now_s() > deadline:
                raise _too_slow(topic, left, len(found), last_word, timeout_s)
    finally:
        consumer.close()
    return sorted(found, key=lambda record: (record.partition, record.offset))


def _take(message: Message, left: dict[int, int], found: list[KafkaRecord], *, is_end: bool) -> None:
    """Keep a record that lies before its partition's end; strike the partition off once its end is reached."""
    partition, offset = message.partition(), message.offset()
    end = left.get(partition)
    if end is None:
        return
    if not is_end and offset < end:
        found.append(_record(message))
    # The end of the partition itself is told with the offset of what would come next.
    if offset >= (end if is_end else end - 1):
        del left[partition]


def _record(message: Message) -> KafkaRecord:
    _, timestamp_ms = message.timestamp()
    headers = tuple(message.headers() or ())
    return KafkaRecord(message.key(), message.value(), headers, message.partition(), message.offset(), timestamp_ms)


def _too_slow(topic: str, left: Mapping[int, int], read: int, last_word: str, timeout_s: float) -> WaitTimeoutError:
    ends = ", ".join(f"partition {partition} to offset {end}" for partition, end in sorted(left.items()))
    return WaitTimeoutError(
        Problem(
            "FA401",
            f"waited {timeout_s:g} s for all records of topic {topic}",
            expected=f"reading {ends}",
            seen=f"{read} records; {last_word}",
            next_step="look at the broker's log",
        )
    )
