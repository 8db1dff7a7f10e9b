"""The channel of files: inputs in one file, outputs in a directory."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_flink_agents.evidence.model import Output
from pytest_flink_agents.run.channel import FileChannel
from pytest_flink_agents.run.records import JobRecords


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


def test_a_run_without_topics_says_so(tmp_path: Path) -> None:
    assert FileChannel([], tmp_path, JobRecords()).topics() is None
