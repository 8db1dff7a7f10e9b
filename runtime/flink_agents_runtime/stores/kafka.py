"""An action state store in a compacted Kafka topic, through confluent-kafka.

The key of a Kafka record is the JSON list ``[job, key, sequence, position, action]``, its value the
JSON of an action record. A key without a value (a tombstone) marks a removed record. A put waits
for the acknowledgement of all in-sync replicas. Sources of the facts about the client: librdkafka's
documentation of its configuration, and the behaviour of a 4.1 broker.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import OffsetSpec

from flink_agents_runtime.engine.action_record import ActionRecord, Execution, Place
from flink_agents_runtime.stores.index import Index
from flink_agents_runtime.stores.kafka_topic import KafkaTopic, TopicAdmin

_ANSWER_S = 30.0
# A rebuild fails after this time without progress; with progress it may take any time.
_STALLED_S = 60.0
_POLL_S = 0.05
_BATCH = 1000
_FINISHED = b"finished"

_logger = logging.getLogger(__name__)


class KafkaStore:
    """The records of one job in a topic, which others may share.

    Opening the store creates a missing topic, and raises :class:`StoreError` if no broker answers or
    if the topic's cleanup policy would lose records. ``answer_s`` is the time limit for each answer
    or acknowledgement of a broker.
    """

    def __init__(self, place: KafkaTopic, job: str, *, answer_s: float = _ANSWER_S) -> None:
        self._topic = place.topic
        self._job = job
        self._answer_s = answer_s
        client = {"bootstrap.servers": place.bootstrap_servers, "client.id": "flink-agents-action-state"}
        self._consumer_config: dict[str, Any] = {
            **client,
            "group.id": "flink-agents-action-state",  # required by the client; no offset is ever committed
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
        }
        self._admin = TopicAdmin(place, client, _logger, answer_s)
        self._admin.provide()
        self._producer = Producer(
            {
                **client,
                "acks": "all",
                "enable.idempotence": True,
                # With several requests in flight, a broker that has just become leader may refuse the first and accept
                # the second. It then treats the retried first one as a duplicate, and the record is lost.
                "max.in.flight": 1,
                "linger.ms": 0,
                "delivery.timeout.ms": int(answer_s * 1000),
            },
            logger=_logger,
        )
        # Only records of earlier attempts are removed. Those of this one are not held: a job may run for months.
        self._found: Index[ActionRecord] = Index()

    def rebuild(self, marker: Mapping[int, int] | None = None) -> None:
        """Read the topic up to its current end.

        Raises :class:`StoreError` if the end is not reached: with half of the records, actions would
        run again whose effects have already happened.
        """
        ends = self._admin.offsets(OffsetSpec.latest())
        begins = self._admin.offsets(OffsetSpec.earliest())
        begins |= {partition: max(offset, begins.get(partition, 0)) for partition, offset in (marker or {}).items()}
        latest: dict[bytes, bytes] = {}
        self._read({p: begins[p] for p in ends if begins[p] < ends[p]}, ends, latest)
        self._found = Index()
        finished = False
        for name, content in latest.items():
            execution = self._execution(name)
            if execution is None:
                finished = True
                continue
            self._found.put(execution, ActionRecord.from_bytes(content))
        if finished:
            self._forget_all()

    def left_keys(self) -> frozenset[str]:
        """Return the keys found by the last rebuild."""
        return self._found.keys()

    def get(self, key: str, sequence: int) -> Mapping[Place, ActionRecord]:
        """Return the records of one input's run that the last rebuild found."""
        return self._found.run(key, sequence)

    def put(self, execution: Execution, record: ActionRecord) -> None:
        """Write a record and wait until all in-sync replicas have it."""
        self._write([(self._name(execution), record.to_bytes())])

    def drop(self, key: str, sequence: int) -> None:
        """Remove the records of earlier attempts from this input of the key on, also from the topic."""
        self._forget(key, lambda other: other >= sequence)

    def prune(self, key: str, sequence: int) -> None:
        """Remove the records of earlier attempts up to this input of the key, also from the topic."""
        self._forget(key, lambda other: other <= sequence)

    def finish(self) -> None:
        """Remove all records of the job.

        A single record marks the job as finished. A rebuild that finds the mark removes them, also after
        an interruption.
        """
        self._write([(self._job_name(), _FINISHED)])
        self.rebuild()

    def marker(self) -> dict[int, int]:
        """Return the end offset of each partition."""
        return self._admin.offsets(OffsetSpec.latest())

    def close(self) -> None:
        """Drop the records in memory; no write is in flight."""
        self._found = Index()

    def _forget(self, key: str, chosen: Callable[[int], bool]) -> None:
        self._write((self._name(execution), None) for execution in self._found.take(key, chosen))

    def _forget_all(self) -> None:
        self._write([(self._name(execution), None) for execution, _ in self._found])
        self._found = Index()
        self._write([(self._job_name(), None)])

    def _job_name(self) -> bytes:
        return json.dumps([self._job]).encode()

    def _name(self, execution: Execution) -> bytes:
        return json.dumps([self._job, execution.key, execution.sequence, *execution.place]).encode()

    def _execution(self, name: bytes) -> Execution | None:
        """Return the execution of a record's key, None for a finish mark."""
        fields = json.loads(name)
        return Execution(fields[1], fields[2], Place(fields[3], fields[4])) if len(fields) > 1 else None

    def _write(self, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        failures: list[str] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failures.append(error.str())

        try:
            for name, content in records:
                self._producer.produce(self._topic, key=name, value=content, on_delivery=delivered)
                if len(self._producer) >= _BATCH:
                    self._producer.flush(self._answer_s)
            # Longer than the delivery time-out, so that every record is either delivered or has failed.
            left = self._producer.flush(self._answer_s + _POLL_S)
        except (KafkaException, BufferError) as error:
            raise self._admin.error("the producer refused a record", str(error)) from error
        if failures or left:
            raise self._admin.error("the broker did not acknowledge a record", failures[0] if failures else "no answer")

    def _read(self, begins: Mapping[int, int], ends: Mapping[int, int], latest: dict[bytes, bytes]) -> None:
        """Collect the latest value of each key of the job in ``latest``."""
        left = set(begins)
        if not left:
            return
        consumer = Consumer(self._consumer_config, logger=_logger)
        last_error = "no answer"
        try:
            consumer.assign([TopicPartition(self._topic, partition, offset) for partition, offset in begins.items()])
            deadline = time.monotonic() + _STALLED_S
            while left:
                for message in consumer.consume(_BATCH, _POLL_S):
                    error = message.error()
                    if error is None:
                        self._keep(message, latest)
                    elif error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                        last_error = error.str()
                        continue
                    deadline = time.monotonic() + _STALLED_S
                # The position, not the offset of the last record: records at the end may have been removed by compaction.
                reached = consumer.position([TopicPartition(self._topic, partition) for partition in left])
                left -= {at.partition for at in reached if at.offset >= ends[at.partition]}
                if time.monotonic() > deadline:
                    raise self._admin.error(
                        f"reading the topic made no progress for {_STALLED_S:.0f} s",
                        f"{len(left)} of {len(ends)} partitions are not read to their end; {last_error}",
                    )
        except KafkaException as error:
            raise self._admin.error("the topic cannot be read", str(error)) from error
        finally:
            consumer.close()

    def _keep(self, message: Message, latest: dict[bytes, bytes]) -> None:
        name, content = message.key(), message.value()
        try:
            job = json.loads(name)[0]
        except (ValueError, TypeError, LookupError) as error:
            raise self._admin.error(
                f"the record at partition {message.partition()}, offset {message.offset()} is not an action record",
                repr(name)[:80],
                "use a topic that nothing else writes to",
            ) from error
        if job != self._job:
            return
        latest.pop(name, None)
        if content is not None:
            latest[name] = content
