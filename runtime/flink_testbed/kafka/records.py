"""Records of a topic: writing them, and reading a range of offsets."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from flink_testbed.core import clock
from flink_testbed.core.problem import Problem, WaitTimeoutError
from flink_testbed.kafka.record import KafkaRecord

# One request at a time. Of several, a broker that has just become leader may refuse the first and
# accept the second; since it does not know the producer's sequence numbers yet, it then
# acknowledges the first as a duplicate, and the record is lost without an error.
LOSSLESS = {"acks": "all", "enable.idempotence": True, "max.in.flight": 1}
# Errors that a reader waits out in vain: it gets no record of that partition any more.
_FINAL = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError._AUTO_OFFSET_RESET)  # noqa: SLF001 - its public name
_BATCH = 1000
# Unacknowledged records at most; the producer's queue holds far more, in number and in bytes.
_MAX_IN_QUEUE = 500
_POLL_S = 0.05


def read_range(
    config: Mapping[str, Any], topic: str, begins: Mapping[int, int], ends: Mapping[int, int], timeout_s: float
) -> Generator[KafkaRecord, None, None]:
    """Yield the records in a range of offsets as they arrive, those of a partition in order.

    ``begins`` is inclusive, ``ends`` exclusive. Offsets without a record (aborted, compacted,
    transaction markers) are skipped. Raises :class:`WaitTimeoutError` if an end is not reached in
    ``timeout_s`` seconds, ``KafkaException`` at once if it cannot be reached.
    """
    left = {partition: ends[partition] for partition, begin in begins.items() if begin < ends[partition]}
    if not left:
        return
    reading = {
        "group.id": f"{config['client.id']}-reader",  # nothing is committed, but the client requires one
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "enable.auto.commit": False,
    }
    consumer = Consumer({**config, **reading})
    try:
        consumer.assign([TopicPartition(topic, partition, begins[partition]) for partition in left])
        deadline, last_error, found = clock.now_s() + timeout_s, "no answer", 0
        while left:
            for message in consumer.consume(_BATCH, _POLL_S):
                error = message.error()
                if error and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                    if error.code() in _FINAL:
                        raise KafkaException(error)
                    last_error = error.str()
                    continue
                if _take(message, left, is_end=error is not None):
                    found += 1
                    yield _record(message)
            if left and clock.now_s() > deadline:
                raise _too_slow(topic, left, found, last_error, timeout_s)
    finally:
        consumer.close()


def write_records(producer: Producer, topic: str, records: Iterable[KafkaRecord], timeout_s: float) -> str:
    """Write records in order; return the reason if Kafka refused some.

    Raises ``KafkaException`` or ``BufferError`` for a record that the client itself refuses.
    """
    failures: list[KafkaError] = []
    deadline = clock.now_s() + timeout_s

    def delivered(error: KafkaError | None, _: object) -> None:
        if error is not None:
            failures.append(error)

    for record in records:
        while len(producer) >= _MAX_IN_QUEUE and clock.now_s() < deadline:
            producer.poll(0.1)
        place: dict[str, Any] = {} if record.partition is None else {"partition": record.partition}
        if record.timestamp_ms is not None:
            place["timestamp"] = record.timestamp_ms
        producer.produce(topic, record.value, record.key, headers=list(record.headers), on_delivery=delivered, **place)
        producer.poll(0)
    left = producer.flush(max(0.0, deadline - clock.now_s()))
    if not failures and not left:
        return ""
    # Records still in the queue must not be written after this call has reported that they were
    # not.
    producer.purge()
    producer.flush(1.0)
    return str(failures[0]) if failures else f"{left} record(s) not acknowledged in {timeout_s:g} s"


def _take(message: Message, left: dict[int, int], *, is_end: bool) -> bool:
    """Return whether a message is a record before the end; remove a finished partition."""
    partition, offset = message.partition(), message.offset()
    end = left.get(partition)
    if end is None:
        return False
    # The event of a partition's end has the offset of the next record to be written.
    if offset >= (end if is_end else end - 1):
        del left[partition]
    return not is_end and offset < end


def _record(message: Message) -> KafkaRecord:
    _, timestamp_ms = message.timestamp()
    headers = tuple(message.headers() or ())
    return KafkaRecord(message.key(), message.value(), headers, message.partition(), message.offset(), timestamp_ms)


def _too_slow(topic: str, left: Mapping[int, int], read: int, last_error: str, timeout_s: float) -> WaitTimeoutError:
    ends = ", ".join(f"partition {partition} to offset {end}" for partition, end in sorted(left.items()))
    return WaitTimeoutError(
        Problem(
            "FA401",
            f"waited {timeout_s:g} s for all records of topic {topic}",
            expected=f"to read {ends}",
            seen=f"{read} record(s); {last_error}",
            next_step="read the broker's log",
        )
    )
