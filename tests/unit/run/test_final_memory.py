"""The memory that the subtasks of a job wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_flink_agents.evidence import memory
from pytest_flink_agents.evidence.memory import read_memory
from pytest_flink_agents.evidence.model import MemoryOfKey

# The second file is of the subtask that went on with "a" after a restart.
FIRST = """\
{"key": "a", "values": {"total": 1}, "at_ns": 10}
{"key": "a", "values": {"total": 3}, "at_ns": 30}
{"key": 7, "values": {"total": 7, "last": [1, {"b": null}]}, "at_ns": 20}
{"key": "7", "values": {"total": 70}, "at_ns": 25}
{"key": "gone", "values": {"total": 1}, "at_ns": 26}
{"key": "gone", "values": {}, "at_ns": 27}
"""
SECOND = """\
{"key": "a", "values": {"total": 2}, "at_ns": 40}
{"key": "a", "values": {"total": 4}, "at_"""


def test_the_latest_line_of_each_key_is_its_memory(tmp_path: Path) -> None:
    (tmp_path / "memory-b.jsonl").write_text(FIRST)
    (tmp_path / "memory-a.jsonl").write_text(SECOND)
    assert read_memory(tmp_path) == (
        MemoryOfKey("a", {"total": 2}),
        MemoryOfKey(7, {"total": 7, "last": [1, {"b": None}]}),
        MemoryOfKey("7", {"total": 70}),
    )


def test_subtasks_without_memory_are_known_and_no_subtasks_are_not(tmp_path: Path) -> None:
    assert read_memory(tmp_path) is None
    (tmp_path / "memory-a.jsonl").touch()
    assert read_memory(tmp_path) == ()


def test_files_that_take_too_long_to_read_are_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory-a.jsonl").write_text(FIRST)
    monkeypatch.setattr(memory, "_LIMIT_BYTES", len(FIRST) - 1)
    assert read_memory(tmp_path) is None
