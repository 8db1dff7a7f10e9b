"""What a team's own job writes, as outputs: lines of files and records of topics."""

from __future__ import annotations

from pathlib import Path

import pytest

from flink_testbed.kafka.records import KafkaRecord
from pytest_flink_agents.evidence.model import Output
from pytest_flink_agents.run.channel import FileChannel
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
def test_a_line_is_an_output(text: str, output: Output) -> None:
    """Under its key where it has key and value and nothing else but the number of an input; else as it is."""
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
def test_a_record_is_an_output(record: KafkaRecord, output: Output) -> None:
    """Its value says most; what that does not, its key and its header do."""
    assert JobRecords().from_kafka(record) == output


def test_files_tell_the_job_where_they_are(tmp_path: Path) -> None:
    """The file of inputs exists before the job; hidden names are no output."""
    files = FileChannel([{"key": 1, "value": "x"}], tmp_path, JobRecords())
    files.put()
    assert Path(files.values["input.path"]).read_text() == '{"key": 1, "value": "x"}\n'
    below = Path(files.values["output.path"]) / "day"
    below.mkdir()
    (below / "part-0").write_text('{"key": 1, "value": 2}\n')
    (below / ".part-1").write_text('{"key": 1, "value": 3}\n')
    (below / "_SUCCESS").write_text("")
    assert files.outputs() == (Output(1, 2),)
