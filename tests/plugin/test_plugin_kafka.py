"""The Kafka fixtures: one broker a session, one topic a test, nothing left."""

from __future__ import annotations

import json

import pytest
from plugin_project import Project, lines_of, scenario

from flink_testbed.kafka.service import KafkaService

pytestmark = pytest.mark.slow

TESTS = """
import pytest
from flink_testbed.kafka.record import KafkaRecord

@pytest.mark.parametrize("number", range(4))
def test_topic(kafka_service, kafka_topic, number):
    assert kafka_service.run_id in kafka_topic
    others = {name for name in kafka_service.topics() if name.startswith("flink-agents-" + kafka_service.run_id)}
    assert others == {kafka_topic}
    kafka_service.produce(kafka_topic, [KafkaRecord(b"k", b"%d" % number)])
    assert [record.value for record in kafka_service.read_committed(kafka_topic)] == [b"%d" % number]
    with open("brokers.txt", "a") as lines:
        lines.write(kafka_service.bootstrap + chr(10))

def test_deletes_its_own(kafka_service, kafka_topic):
    kafka_service.delete_topic(kafka_topic)
"""


def test_one_broker_serves_the_session(project: Project) -> None:
    """Its two workers; the report names the broker."""
    project.write("test_topics.py", TESTS)
    project.scenarios("s", scenario("one"))
    result = project.run("-n2")
    result.assert_outcomes(passed=6)
    used = (project.path / "brokers.txt").read_text().split()
    assert (len(used), len(set(used))) == (4, 1)
    facts = json.loads((project.report / "environment.json").read_text())
    assert facts["Kafka"].startswith("Kafka 4.1.1, embedded, 1 broker, ready after ")
    assert lines_of(result).count("embedded, 1 broker: starting") == 1
    assert not list((project.report / "running").rglob("data/broker-0"))
    assert list((project.report / "running").rglob("broker-0.log"))


def test_kafka_bootstrap_uses_that_broker_and_deletes_only_own_topics(
    project: Project, kafka_service: KafkaService, kafka_topic: str
) -> None:
    before = kafka_service.topics()
    project.write("test_topics.py", TESTS)
    result = project.run(f"--kafka-bootstrap={kafka_service.bootstrap}")
    result.assert_outcomes(passed=5)
    assert set((project.path / "brokers.txt").read_text().split()) == {kafka_service.bootstrap}
    assert "starting" not in lines_of(result)
    assert kafka_service.topics() == before
    assert kafka_topic in before


def test_a_broker_that_does_not_answer_is_an_error_of_each_test_that_needs_it(project: Project) -> None:
    project.write("test_topics.py", TESTS)
    result = project.run("--kafka-bootstrap=127.0.0.1:1", "--flink-startup-timeout=1")
    result.assert_outcomes(errors=5)
    assert "FA453: waited 1 s for a Kafka broker at 127.0.0.1:1" in lines_of(result)
