"""The channel of Kafka topics, and the one of a shadow beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import cast

import pytest

from flink_testbed.kafka.record import KafkaRecord
from flink_testbed.kafka.remote import RemoteKafka
from flink_testbed.kafka.security import KafkaSecurity
from flink_testbed.kafka.service import KafkaService
from pytest_flink_agents.evidence.model import Output, TopicContent
from pytest_flink_agents.run.records import AgentRecords, JobRecords, Records
from pytest_flink_agents.run.shadow_channel import ShadowChannel
from pytest_flink_agents.run.topic_channel import TopicChannel


def test_source_and_sink_get_the_login_of_an_external_kafka_and_placeholders_do_not() -> None:
    security = KafkaSecurity(job={"sasl.jaas.config": "hunter2"})
    kafka = RemoteKafka("kafka.example:9093", run_id="r", startup_timeout_s=1, security=security)
    channel = TopicChannel([], kafka, Path("connector.jar"), JobRecords(), label="x")
    assert channel.source_and_sink["kafka"]["properties"] == {"sasl.jaas.config": "hunter2"}
    assert "hunter2" not in str(channel.values)


class TopicsOfRecords:
    """A Kafka whose topics hold given records, of which some were never committed."""

    run_id, job_bootstrap = "r", "127.0.0.1:1"
    job_properties: Mapping[str, str] = MappingProxyType({})

    def __init__(self, written: list[KafkaRecord], committed: set[int]) -> None:
        self._written, self._committed = written, committed
        self.created: dict[str, dict[str, str]] = {}
        self.produced = 0

    def create_topic(self, name: str, *, config: dict[str, str]) -> None:
        self.created[name] = config

    def produce(self, topic: str, records: Iterable[KafkaRecord], *, timeout_s: float) -> None:
        self.produced += len(list(records))

    def end_offsets(self, topic: str) -> dict[int, int]:
        return {0: 7}

    def read(self, topic: str, *, isolation: str, timeout_s: float) -> list[KafkaRecord]:
        assert isolation == "read_uncommitted"
        return self._written

    def read_committed(self, topic: str, *, timeout_s: float) -> list[KafkaRecord]:
        return [record for record in self._written if record.offset in self._committed]


def test_topics_have_the_uncommitted_outputs_and_outputs_have_the_times_of_their_records() -> None:
    written = [
        KafkaRecord(b"1", b"2", (("input", b"%d" % number),), offset=number, timestamp_ms=1500 + number)
        for number in range(3)
    ]
    kafka = cast(KafkaService, TopicsOfRecords(written, {0, 2}))
    channel = TopicChannel([], kafka, Path("connector.jar"), JobRecords(), label="x")
    assert channel.topics() == TopicContent(7, (Output(1, 2, 1),), 0)
    assert [output.at_s for output in channel.outputs()] == [1.5, 1.502]
    line = KafkaRecord(b"1", b'{"input": 0, "key": 1, "value": 2}', timestamp_ms=1500)
    assert AgentRecords().from_kafka(line, ()).at_s == 1.5


@pytest.mark.parametrize("records", [AgentRecords(), JobRecords()])
def test_the_broker_stamps_every_output(records: Records) -> None:
    kafka = TopicsOfRecords([], set())
    channel = TopicChannel([], cast(KafkaService, kafka), Path("connector.jar"), records, label="x")
    channel.put()
    assert kafka.created[channel.outputs_topic] == {"message.timestamp.type": "LogAppendTime"}


def test_inputs_of_a_portion_that_was_not_written_are_not_sent() -> None:
    kafka = TopicsOfRecords([], set())
    inputs = [{"key": "c-1", "value": number} for number in range(5)]
    channel = TopicChannel(
        inputs,
        cast(KafkaService, kafka),
        Path("connector.jar"),
        JobRecords(),
        label="x",
        portions=[range(2), range(2, 3), range(3, 5)],
    )
    channel.put()
    channel.send_portion()
    assert (channel.topics().sent, kafka.produced) == (3, 3)


def test_the_outputs_of_a_shadow_are_served_from_its_release_on() -> None:
    lines = [
        KafkaRecord(b"1", b'{"input": %d, "key": 1, "value": 2}' % number, offset=number, timestamp_ms=1)
        for number in range(9)
    ]
    kafka = TopicsOfRecords(lines, {0, 1, 7, 8})
    served = TopicChannel([], cast(KafkaService, kafka), Path("connector.jar"), AgentRecords(), label="x-out")
    shadow = ShadowChannel(served)
    names = shadow.source_and_sink["kafka"]
    assert names["inputs"] == served.inputs_topic
    assert names["outputs"] == names["transactions"] == shadow.values["output.topic"] != served.outputs_topic
    assert kafka.created[names["outputs"]] == {"message.timestamp.type": "LogAppendTime"}
    assert shadow.outputs() == served.outputs(), "the fake has the same records in both topics"
    assert shadow.serve() == 7
    assert [output.input for output in shadow.unserved()] == [0, 1]
    assert [output.input for output in shadow.outputs()] == [0, 1, 7, 8, 7, 8]
    content = shadow.topics()
    assert content.inputs == 7
    assert len(content.uncommitted) == 10
