"""Outputs of the user's own job, read from lines of files and records of topics."""

from __future__ import annotations

import pytest

from flink_testbed.kafka.record import KafkaRecord
from pytest_flink_agents.evidence.model import Output
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


def test_a_line_that_nests_too_deep_is_text() -> None:
    deep = "[" * 100_000
    assert JobRecords().output(deep) == Output(None, deep)
    assert JobRecords().from_kafka(KafkaRecord(key=deep.encode(), value=b"1")).key == deep
