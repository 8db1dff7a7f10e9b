"""Real brokers: what they store, what readers see, and their recovery."""

from __future__ import annotations

import dataclasses
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, ConfigResource, ConfigSource, ResourceType

from flink_testbed.core.clock import wait_until
from flink_testbed.core.problem import HostError, Problem, WaitTimeoutError
from flink_testbed.kafka.embedded import EmbeddedKafka
from flink_testbed.kafka.home import KafkaHome
from flink_testbed.kafka.record import KafkaRecord
from flink_testbed.kafka.remote import RemoteKafka
from flink_testbed.kafka.service import KafkaService
from flink_testbed.kafka.topic_names import topic_name
from tests.support.brokers import kafka_home, make_kafka

pytestmark = pytest.mark.slow

_OWNER = """
import sys, time
from pathlib import Path
from flink_testbed.core.directories import cache_root
from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.kafka.embedded import EmbeddedKafka
from flink_testbed.kafka.home import provide_kafka
tell = lambda line: None
kafka = EmbeddedKafka(
    provide_kafka(resolve_flink("2.2").line, progress=tell), directory=Path(sys.argv[1]), ports=cache_root() / "ports",
    archives=cache_root() / "class-archives", run_id="owner", startup_timeout_s=120, progress=tell,
)
kafka.start()
print("ready", flush=True)
time.sleep(300)
"""


@pytest.fixture(scope="module")
def home() -> KafkaHome:
    """Java, jars and a formatted directory."""
    return kafka_home()


@pytest.fixture
def start(home: KafkaHome, tmp_path: Path) -> Iterator[Callable[..., EmbeddedKafka]]:
    """Start brokers that belong to the test, which may break them."""
    started: list[EmbeddedKafka] = []
    numbers = itertools.count()

    def make(*, home: KafkaHome = home, brokers: int = 1) -> EmbeddedKafka:
        kafka = make_kafka(home, tmp_path / f"kafka-{next(numbers)}", brokers=brokers)
        started.append(kafka)
        kafka.start()
        return kafka

    yield make
    for kafka in started:
        kafka.kill()


def record(number: int, **fields: object) -> KafkaRecord:
    return KafkaRecord(b"k%d" % (number % 7), b"v%d" % number, **fields)  # type: ignore[arg-type]


def values(records: list[KafkaRecord]) -> list[bytes | None]:
    return [each.value for each in records]


def problem_of(action: Callable[[], object]) -> Problem:
    with pytest.raises(HostError) as caught:
        action()
    return caught.value.problems[0]


def test_records_are_read_as_they_were_written(kafka_service: KafkaService, kafka_topic: str) -> None:
    """Keys, values, headers and time stamps, as bytes or absent; in the order of writing."""
    written = [
        KafkaRecord(b"k", b"v", (("h", b"1"), ("h", b"2"), ("none", None)), timestamp_ms=1_700_000_000_123),
        KafkaRecord(None, b""),
        KafkaRecord(b"k", None),
    ]
    kafka_service.produce(kafka_topic, written)
    one, two, three = kafka_service.read(kafka_topic)
    assert one == dataclasses.replace(written[0], partition=0, offset=0)
    assert (two.key, two.value, two.headers, two.offset) == (None, b"", (), 1)
    assert (three.key, three.value, three.offset) == (b"k", None, 2)


@pytest.mark.parametrize("kafka_topic", [4], indirect=True)
def test_records_go_to_the_partition_of_their_key_or_the_named_one(
    kafka_service: KafkaService, kafka_topic: str
) -> None:
    """Equal keys keep their order; thousands of records arrive."""
    kafka_service.produce(kafka_topic, (record(number) for number in range(5000)))
    kafka_service.produce(kafka_topic, [KafkaRecord(b"k1", b"here", partition=partition) for partition in range(4)])
    records = kafka_service.read_committed(kafka_topic)
    assert [(each.partition, each.offset) for each in records] == sorted(
        (each.partition, each.offset) for each in records
    )
    for key in range(7):
        of_key = [each for each in records if each.key == b"k%d" % key and each.value != b"here"]
        assert values(of_key) == [b"v%d" % number for number in range(5000) if number % 7 == key]
        assert len({each.partition for each in of_key}) == 1
    assert sorted(each.partition or 0 for each in records if each.value == b"here") == [0, 1, 2, 3]


def test_a_committed_reader_sees_no_open_and_no_aborted_record(kafka_service: KafkaService, kafka_topic: str) -> None:
    """Transaction markers at the end of a topic are not records and keep no reader waiting."""
    config = {"bootstrap.servers": kafka_service.bootstrap, "transactional.id": f"{kafka_topic}-writer"}
    producer = Producer(config)
    producer.init_transactions(30)
    for value, end in (
        (b"one", producer.commit_transaction),
        (b"never", producer.abort_transaction),
        (b"two", producer.commit_transaction),
    ):
        producer.begin_transaction()
        producer.produce(kafka_topic, value)
        assert producer.flush(30) == 0
        end(30)

    def both() -> tuple[bool | None, str]:
        # A commit is told when the coordinator has it; the marker, up to which readers see, comes a moment later.
        seen = values(kafka_service.read_committed(kafka_topic))
        return seen == [b"one", b"two"] or None, str(seen)

    wait_until(both, what="both that were committed, and nothing else", timeout_s=30)
    producer.begin_transaction()
    producer.produce(kafka_topic, b"open")
    assert producer.flush(30) == 0
    assert values(kafka_service.read_committed(kafka_topic)) == [b"one", b"two"]
    assert values(kafka_service.read(kafka_topic, isolation="read_uncommitted")) == [b"one", b"never", b"two", b"open"]
    producer.abort_transaction(30)


def test_a_reader_stops_at_the_end_that_the_topic_had_at_its_start(
    kafka_service: KafkaService, kafka_topic: str
) -> None:
    """A producer keeps writing meanwhile."""
    over = threading.Event()
    writer = Producer({"bootstrap.servers": kafka_service.bootstrap})

    def write() -> None:
        for number in itertools.count():
            if over.is_set():
                break
            writer.produce(kafka_topic, b"later %d" % number)
            writer.poll(0.001)
        writer.flush(30)

    kafka_service.produce(kafka_topic, map(record, range(3000)))
    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(3):
            found = values(kafka_service.read(kafka_topic))
            assert found[:3000] == [b"v%d" % number for number in range(3000)]
            end = kafka_service.end_offsets(kafka_topic)[0]
            assert len(found) <= end
    finally:
        over.set()
        thread.join()


def test_a_compacted_topic_is_read_over_its_missing_offsets(kafka_service: KafkaService) -> None:
    name = topic_name(kafka_service.run_id, "compacted")
    quickly = {
        "cleanup.policy": "compact",
        "segment.ms": "100",
        "min.cleanable.dirty.ratio": "0.01",
        "min.compaction.lag.ms": "0",
    }
    kafka_service.create_topic(name, config=quickly)
    try:
        kafka_service.produce(name, [KafkaRecord(b"k", b"%d" % number) for number in range(100)])
        assert values(kafka_service.read(name))[-1] == b"99"
    finally:
        kafka_service.delete_topic(name)


def test_topics_are_created_and_deleted_by_name(kafka_service: KafkaService, kafka_topic: str) -> None:
    """The name contains run and test; creating an existing topic has no effect, an unknown one is an error."""
    assert kafka_topic.startswith(f"flink-agents-{kafka_service.run_id}-test_topics_are_created_and_deleted_by_name-")
    assert kafka_topic in kafka_service.topics()
    twice = problem_of(lambda: kafka_service.create_topic(kafka_topic))
    assert (twice.code, kafka_topic in twice.message) == ("FA455", True)
    assert "already exists" in twice.seen
    kafka_service.delete_topic(kafka_topic)
    assert kafka_topic not in kafka_service.topics()
    assert problem_of(lambda: kafka_service.delete_topic(kafka_topic)).code == "FA455"
    assert "does not exist" in problem_of(lambda: kafka_service.read(kafka_topic)).seen
    assert not any(name.startswith("__") for name in kafka_service.topics())


def test_a_record_for_an_unknown_topic_is_an_error_and_creates_none(kafka_service: KafkaService) -> None:
    name = topic_name(kafka_service.run_id, "nobody")
    assert name in problem_of(lambda: kafka_service.produce(name, [record(1)], timeout_s=2)).message
    assert name not in kafka_service.topics()


def test_a_killed_broker_restarts_with_its_records(start) -> None:
    """Nothing acknowledged is lost, and the same handle continues."""
    kafka = start()
    kafka.create_topic("t")
    kafka.produce("t", map(record, range(500)))
    kafka.kill_broker()
    assert kafka.live_brokers(timeout_s=0.5) is None
    kafka.require_alive()
    assert problem_of(kafka.kill_broker).code == "FA440"
    kafka.start_broker()
    kafka.produce("t", map(record, range(500, 600)))
    assert values(kafka.read("t")) == [b"v%d" % number for number in range(600)]


def test_one_of_three_brokers_may_die(start) -> None:
    """The others take over its partitions, and it rejoins."""
    kafka = start(brokers=3)
    assert kafka.live_brokers() == 3
    kafka.create_topic("t", partitions=6)
    kafka.produce("t", map(record, range(1000)), timeout_s=60)
    producer = Producer(
        {"bootstrap.servers": kafka.bootstrap, "transactional.id": "w", "transaction.timeout.ms": 60000}
    )
    producer.init_transactions(60)
    producer.begin_transaction()
    producer.produce("t", b"begun before")
    kafka.kill_broker(1)
    producer.produce("t", b"after")
    producer.commit_transaction(60)
    kafka.produce("t", map(record, range(1000, 1100)), timeout_s=60)
    found = values(kafka.read_committed("t", timeout_s=60))
    assert sorted(map(str, found)) == sorted(map(str, [*(b"v%d" % n for n in range(1100)), b"begun before", b"after"]))
    kafka.start_broker(1)
    assert kafka.live_brokers() == 3
    kafka.close()


def test_a_dead_broker_is_reported_with_the_end_of_its_log(start) -> None:
    """A reader would wait endlessly."""
    kafka = start()
    (process,) = kafka._processes.values()
    os.kill(process.command_pid(), signal.SIGKILL)
    process.wait_ended(60)
    problem = problem_of(kafka.require_alive)
    assert (problem.code, "broker-0" in problem.message) == ("FA454", True)
    assert "broker-0.log" in problem.detail


def test_a_broker_that_cannot_start_fails_at_once_and_leaves_no_process_data_or_port(
    start, home: KafkaHome, tmp_path: Path
) -> None:
    wrong = dataclasses.replace(home, jars=home.jars[1:])
    problem = problem_of(lambda: start(home=wrong))
    assert problem.code == "FA454"
    assert "kafka.Kafka" in problem.detail
    assert not (tmp_path / "kafka-0" / "data").exists()
    assert not ours(tmp_path)


def test_broker_and_controller_listen_on_loopback_only(start) -> None:
    kafka = start()
    (process,) = kafka._processes.values()
    listening = {
        connection.laddr.ip.removeprefix("::ffff:")
        for member in process.tree()
        for connection in member.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_on_an_external_broker_only_topics_of_the_session_are_deleted(start) -> None:
    kafka = start()
    kafka.create_topic("theirs")
    remote = RemoteKafka(kafka.bootstrap, run_id="r2", startup_timeout_s=60)
    remote.start()
    remote.create_topic("ours", partitions=2)
    remote.create_topic("left")
    remote.produce("ours", map(record, range(10)))
    assert len(remote.read_committed("ours")) == 10
    refused = (lambda: remote.delete_topic("theirs"), remote.kill_broker, remote.start_broker)
    assert {problem_of(action).code for action in refused} == {"FA440"}
    remote.delete_topic("ours")
    assert remote.topics() == {"theirs", "left"}
    remote.close()
    assert kafka.topics() == {"theirs"}
    kafka.require_alive()


def test_topics_on_an_external_broker_retain_old_records(kafka_service: KafkaService) -> None:
    """With the broker's default retention, records of 1970 would be deleted at once."""
    remote = RemoteKafka(kafka_service.bootstrap, run_id="r3", startup_timeout_s=60)
    remote.start()
    remote.create_topic("r3-plain")
    remote.create_topic("r3-chosen", config={"retention.ms": "60000"})
    topics = [ConfigResource(ResourceType.TOPIC, name) for name in ("r3-plain", "r3-chosen")]
    admin = AdminClient({"bootstrap.servers": remote.bootstrap})
    told = admin.describe_configs(topics)
    entries = [told[topic].result(30)["retention.ms"] for topic in topics]
    assert [entry.value for entry in entries] == ["-1", "60000"]
    assert {entry.source for entry in entries} == {ConfigSource.DYNAMIC_TOPIC_CONFIG.value}
    remote.close()
    assert not kafka_service.topics().intersection(["r3-plain", "r3-chosen"])


def test_an_address_without_a_broker_is_reported_with_its_option() -> None:
    with pytest.raises(WaitTimeoutError) as caught:
        RemoteKafka("127.0.0.1:1", run_id="r", startup_timeout_s=1).start()
    (problem,) = caught.value.problems
    assert (problem.code, "Connection refused" in problem.seen) == ("FA453", True), problem.seen
    assert "--kafka-bootstrap" in problem.next_step


def test_brokers_at_the_same_time_share_no_port_and_no_record(start, request: pytest.FixtureRequest) -> None:
    """Four at once, repeatedly (``--soak 12``: fifty)."""

    def start_and_write(number: int) -> tuple[EmbeddedKafka, set[int]]:
        kafka = start()
        kafka.create_topic(f"of-{number}")
        return kafka, {port for node in kafka._nodes for port in (node.port, node.controller_port)}

    for _ in range(request.config.getoption("--soak")):
        with ThreadPoolExecutor(4) as pool:
            started = list(pool.map(start_and_write, range(4)))
        assert [kafka.topics() for kafka, _ in started] == [{f"of-{number}"} for number in range(4)]
        assert len(set.union(*(ports for _, ports in started))) == 8
        for kafka, _ in started:
            kafka.close()
            assert not list(kafka.directory.rglob("data"))


def test_brokers_end_with_their_owner(tmp_path: Path) -> None:
    """SIGKILL of the process that started it: ten seconds later none of its processes is left."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen([sys.executable, "-c", _OWNER, str(tmp_path)], env=env, stdout=subprocess.PIPE) as owner:
        assert owner.stdout
        assert owner.stdout.readline() == b"ready\n"
        assert ours(tmp_path)
        owner.kill()
        owner.wait()
    wait_until(lambda: (not ours(tmp_path) or None, str(ours(tmp_path))), what="no process of it", timeout_s=10)


def ours(directory: Path) -> list[int]:
    """Return the processes that name the directory."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "status"]):
        named = any(str(directory) in word for word in process.info["cmdline"] or ())
        if named and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.info["pid"])
    return found
