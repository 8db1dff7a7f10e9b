"""Outputs of the user's own job, read from lines of files and records of topics."""

from __future__ import annotations

import os
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
from pytest_flink_agents.run.channel import FileChannel, TopicChannel
from pytest_flink_agents.run.records import AgentRecords, JobRecords, Records
from pytest_flink_agents.run.shadow_channel import ShadowChannel


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ('{"key": 1, "value": {"a": 2}}', Output(1, {"a": 2})),
        ('{"key": "1", "value": 2, "input": 7}', Output("1", 2, 7)),
        ('{"key": "1", "value": 2, "at": 7}', Output(None, {"key": "1", "value": 2, "at": 7})),
        ('{"value": 2}', Output(None, {"value": 2})),
        ("[1]", Output(None, [1])),
        ("a,b", Output(None, "a,b")),
    ],
)
def test_a_line_with_only_key_value_and_input_is_an_output_with_a_key(text: str, output: Output) -> None:
    assert JobRecords().output(text) == output


@pytest.mark.parametrize(
    ("record", "output"),
    [
        (KafkaRecord(b'"a"', b'{"key": "b", "value": 2}'), Output("b", 2)),
        (KafkaRecord(b'"a"', b"2"), Output("a", 2)),
        (KafkaRecord(b"a", b"two"), Output("a", "two")),
        (KafkaRecord(b"1", b"2", (("input", b"7"),)), Output(1, 2, 7)),
        (KafkaRecord(None, b'{"key": "b", "value": 2, "input": 3}'), Output("b", 2, 3)),
        (KafkaRecord(b"1", b"2", (("input", b"seven"), ("x", None))), Output(1, 2)),
        (KafkaRecord(b"1", None), Output(1, None)),
    ],
)
def test_key_and_header_of_a_record_complete_its_value(record: KafkaRecord, output: Output) -> None:
    assert JobRecords().from_kafka(record) == output


def test_a_line_that_nests_too_deep_is_text() -> None:
    deep = "[" * 100_000
    assert JobRecords().output(deep) == Output(None, deep)
    assert JobRecords().from_kafka(KafkaRecord(key=deep.encode(), value=b"1")).key == deep


def test_hidden_files_are_no_outputs(tmp_path: Path) -> None:
    files = FileChannel([{"key": 1, "value": "x"}], tmp_path, JobRecords())
    files.put()
    assert Path(files.values["input.path"]).read_text() == '{"key": 1, "value": "x"}\n'
    below = Path(files.values["output.path"]) / "day"
    below.mkdir()
    (below / "part-0").write_text('{"key": 1, "value": 2}\n')
    (below / ".part-1").write_text('{"key": 1, "value": 3}\n')
    (below / "_SUCCESS").write_text("")
    assert files.outputs() == (Output(1, 2),)


def test_files_of_one_time_stamp_are_outputs_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    files = FileChannel([], tmp_path, JobRecords())
    files.put()
    for number in (10, 9, 11, 2):
        part = Path(files.values["output.path"]) / f"part-5b1f7e-{number}"
        part.write_text(f"{number}\n")
        os.utime(part, ns=(0, 4_000_000 if number > 2 else 8_000_000))
    assert [output.value for output in files.outputs()] == [9, 10, 11, 2]


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


def test_a_run_without_topics_says_so(tmp_path: Path) -> None:
    assert FileChannel([], tmp_path, JobRecords()).topics() is None


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
