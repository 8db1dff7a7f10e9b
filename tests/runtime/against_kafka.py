"""The Kafka store with a real broker, whose address is in BROKER_UNDER_TEST.

Collected only if the file is named.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from flink_agents_runtime.engine.action_record import ActionRecord, Execution, Place, StoreError, key_text
from flink_agents_runtime.stores.kafka import KafkaStore
from flink_agents_runtime.stores.kafka_topic import KafkaTopic

SERVERS = os.environ["BROKER_UNDER_TEST"]
COMPLETED = ActionRecord("i", "e", completed=True, sent=(("t", "{}"),), sensory={"": {"a": None}, "a": (1,)})


@pytest.fixture
def topic():
    return f"action-state-{uuid.uuid4().hex[:8]}"


def opened(topic, job="job", partitions=3):
    return KafkaStore(KafkaTopic(SERVERS, topic, partitions, 1), job)


def execution(key, sequence, action="act", position=""):
    return Execution(key_text(key), sequence, Place(position, action))


def found(store, marker=None):
    """Return the records that a rebuild finds, as (key, sequence, number of records)."""
    store.rebuild(marker)
    return sorted(
        (key, number, len(store.get(key, number)))
        for key in store.left_keys()
        for number in range(9)
        if store.get(key, number)
    )


def last_contents(topic):
    """Return the last value per key in the topic, None for a tombstone."""
    consumer = Consumer({"bootstrap.servers": SERVERS, "group.id": uuid.uuid4().hex, "enable.partition.eof": True})
    partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    contents, left = {}, len(partitions)
    while left:
        message = consumer.poll(30)
        assert message is not None
        if message.error():
            assert message.error().code() == KafkaError._PARTITION_EOF
            left -= 1
        else:
            contents[message.key()] = message.value()
    consumer.close()
    return contents


def test_the_topic_is_created_compacted(topic):
    opened(topic, partitions=5)
    opened(topic, partitions=7)
    admin = AdminClient({"bootstrap.servers": SERVERS})
    assert len(admin.list_topics(topic, timeout=30).topics[topic].partitions) == 5
    resource = ConfigResource(ResourceType.TOPIC, topic)
    assert admin.describe_configs([resource])[resource].result(30)["cleanup.policy"].value == "compact"


def test_a_topic_that_would_lose_records_is_refused(topic):
    admin = AdminClient({"bootstrap.servers": SERVERS})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    with pytest.raises(StoreError, match=r"cleanup\.policy=delete; set cleanup.policy=compact"):
        opened(topic)


def test_more_replicas_than_brokers_is_an_error(topic):
    with pytest.raises(StoreError, match=r"cannot be created or checked.*[Rr]eplication"):
        KafkaStore(KafkaTopic(SERVERS, topic, 1, 3), "job")


def test_another_store_finds_the_records(topic):
    keys = [1, "1", True, None, "user_1", "user_1_2", "", 'q"uo[te', "ä\u2028", ["a", 1]]
    store = opened(topic)
    store.rebuild()
    for key in keys:
        store.put(execution(key, 1), ActionRecord("i", "e"))
        store.put(execution(key, 1), COMPLETED)
        store.put(execution(key, 1, position="p"), COMPLETED)
    opened(topic, "other").put(execution("x", 1), COMPLETED)
    again = opened(topic)
    assert found(again) == sorted((key_text(key), 1, 2) for key in keys)
    assert again.get('"user_1"', 1) == {Place("", "act"): COMPLETED, Place("p", "act"): COMPLETED}
    assert found(opened(topic, "third")) == []


def test_a_removed_record_is_a_tombstone(topic):
    store = opened(topic)
    for key in ("a", 1, "1"):
        for sequence in range(1, 6):
            store.put(execution(key, sequence), COMPLETED)
    store.rebuild()
    store.prune('"a"', 2)
    store.drop("1", 3)
    expected = [
        *((key, n) for key in ['"1"'] for n in range(1, 6)),
        ('"a"', 3),
        ('"a"', 4),
        ('"a"', 5),
        ("1", 1),
        ("1", 2),
    ]
    assert found(opened(topic)) == sorted((key, n, 1) for key, n in expected)
    gone = [name for name, content in last_contents(topic).items() if content is None]
    assert sorted(json.loads(name)[1:3] for name in gone) == [['"a"', 1], ['"a"', 2], ["1", 3], ["1", 4], ["1", 5]]
    again = opened(topic)
    again.rebuild()
    again.prune('"a"', 4)
    assert [each for each in found(store) if each[0] == '"a"'] == [('"a"', 5, 1)]


def test_a_marker_leaves_out_what_was_before(topic):
    store = opened(topic)
    store.put(execution("a", 1), ActionRecord("i", "e"))
    store.put(execution("b", 1), COMPLETED)
    marker = json.loads(json.dumps(store.marker()))
    store.put(execution("a", 1), COMPLETED)
    store.put(execution("c", 1), COMPLETED)
    marker = {int(partition): offset for partition, offset in marker.items()}
    assert found(opened(topic), marker) == [('"a"', 1, 1), ('"c"', 1, 1)]
    assert found(opened(topic), store.marker()) == []


def test_an_interrupted_finish_is_completed_by_the_next_rebuild(topic):
    store = opened(topic)
    for sequence in range(1, 4):
        store.put(execution("a", sequence), COMPLETED)
    store._write([(store._job_name(), b"finished"), (store._name(execution("a", 2)), None)])
    again = opened(topic)
    assert found(again) == []
    assert set(last_contents(topic).values()) == {None}
    again.put(execution("a", 1), COMPLETED)
    assert found(opened(topic)) == [('"a"', 1, 1)]
    again.finish()
    assert found(opened(topic)) == []


def test_a_rebuild_reads_thousands_of_records(topic):
    store = opened(topic, partitions=16)
    names = [store._name(execution(f"k{n % 500}", n // 500)) for n in range(4000)]
    for content in (b"{}", COMPLETED.to_bytes()):
        store._write([(name, content) for name in names])
    again = opened(topic)
    again.rebuild()
    assert sum(len(again.get(key, n)) for key in again.left_keys() for n in range(8)) == 4000


def test_a_foreign_record_is_refused_with_its_offset(topic):
    store = opened(topic, partitions=1)
    producer = Producer({"bootstrap.servers": SERVERS})
    producer.produce(topic, key="user_1_0_uuid_uuid", value="{}")
    assert producer.flush(30) == 0
    with pytest.raises(StoreError, match=r"partition 0, offset 0 is not an action record.*nothing else writes to"):
        store.rebuild()


def test_a_record_too_large_is_an_error(topic):
    store = opened(topic)
    with pytest.raises(StoreError, match=r"refused a record.*too large"):
        store.put(execution("a", 1), ActionRecord("i", "e", completed=True, sent=(("t", "x" * 2_000_000),)))


KEYS = ["user_1", 1, "1"]
INPUTS = [{"key": key, "value": number} for number in range(3) for key in KEYS]


class Job:
    """Attempts at one job, each in a new process."""

    def __init__(self, topic: str, folder: Path) -> None:
        self._effects, self._outputs = folder / "effects", folder / "outputs"
        self._options = {
            "actionStateStoreBackend": "kafka",
            "kafkaBootstrapServers": SERVERS,
            "kafkaActionStateTopic": topic,
            "kafkaActionStateTopicNumPartitions": 3,
            "job-identifier": "orders_of_today",
        }

    def attempt(self, die_at=None) -> None:
        """Run an attempt to its end or to its crash."""
        self._outputs.write_text("")
        spec = {
            "options": self._options,
            "inputs": INPUTS,
            "effects": str(self._effects),
            "outputs": str(self._outputs),
            "die_at": die_at,
        }
        worker = Path(__file__).with_name("storing_worker.py")
        done = subprocess.run([sys.executable, worker, json.dumps(spec)], timeout=120, check=False)
        assert done.returncode == (0 if die_at is None else -signal.SIGKILL)

    @property
    def effects(self) -> Counter[str]:
        return Counter(self._effects.read_text().splitlines()) if self._effects.exists() else Counter()

    @property
    def outputs(self) -> list[str]:
        return self._outputs.read_text().splitlines()


def expected_effects() -> Counter[str]:
    """Return the effects of a job that never crashed."""
    effects: Counter[str] = Counter()
    for record in INPUTS:
        name = f"{record['key']!r} {record['value']}"
        effects.update([f"{name} body", f"{name} call", f"{name} paid", f"{name} twin", f"{name} twin"])
    return effects


def expected_outputs() -> list[str]:
    return sorted(
        json.dumps([key, [list(range(count + 1)), 2 * count + twin]])
        for key in KEYS
        for count in range(3)
        for twin in (1, 2)
    )


def test_a_killed_job_continues_from_its_records(topic, tmp_path):
    """Kills between a side effect and its record, between a record and the output, and in rebuilds.

    Each side effect happens once, except those in flight when the process died.
    """
    job = Job(topic, tmp_path)
    job.attempt(["effect", "'1' 0 call"])
    job.attempt(["put", 11])
    job.attempt(["read", 3])
    before = job.effects
    job.attempt(["read", 1])
    assert job.effects == before
    job.attempt(["effect", "'user_1' 1 paid"])
    job.attempt(["put", 1])
    job.attempt(["effect", "1 2 twin"])
    job.attempt()
    # The first and the third crashed before their record was written; the second one has a reconciler.
    # The side effects of a body are repeated until its record is written.
    assert job.effects == expected_effects() + Counter(
        ["'1' 0 call", "'user_1' 1 reconciled", "1 2 twin", "'1' 0 body", "'user_1' 1 body", "'user_1' 1 body"]
    )
    assert sorted(job.outputs) == expected_outputs()


def test_a_job_killed_after_its_last_output_is_finished(topic, tmp_path):
    job = Job(topic, tmp_path)
    job.attempt(["finish", 4])
    assert sorted(job.outputs) == expected_outputs()
    job.attempt()
    assert sorted(job.outputs) == expected_outputs()
    assert job.effects == expected_effects() + expected_effects()
    assert set(last_contents(topic).values()) == {None}
