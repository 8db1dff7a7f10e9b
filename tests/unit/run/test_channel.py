"""Outputs of the user's own job, read from lines of files and records of topics."""

from __future__ import annotations

from pathlib import Path

import pytest

from flink_testbed.kafka.records import KafkaRecord
from flink_testbed.kafka.remote import RemoteKafka
from flink_testbed.kafka.security import KafkaSecurity
from pytest_flink_agents.evidence.model import Output
from pytest_flink_agents.run.channel import FileChannel, TopicChannel
from pytest_flink_agents.run.records import JobRecords


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


def test_source_and_sink_get_the_login_of_an_external_kafka_and_placeholders_do_not() -> None:
    security = KafkaSecurity(job={"sasl.jaas.config": "hunter2"})
    kafka = RemoteKafka("kafka.example:9093", run_id="r", startup_timeout_s=1, security=security)
    channel = TopicChannel([], kafka, Path("connector.jar"), JobRecords(), label="x")
    assert channel.source_and_sink["kafka"]["properties"] == {"sasl.jaas.config": "hunter2"}
    assert "hunter2" not in str(channel.values)
