"""The memory that the subtasks of a job wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_flink_agents.evidence import memory
from pytest_flink_agents.evidence.memory import read_memory
from pytest_flink_agents.evidence.model import MemoryOfKey

# The second file is of the attempt that went on with "a" after a restart, in which "expired" lost its memory. The first
# attempt was only paused, and wrote once more.
FIRST = """\
{"key": "a", "values": {"total": 1}, "attempt_ns": 5, "at_ns": 10}
{"key": "a", "values": {"total": 3}, "attempt_ns": 5, "at_ns": 60}
{"key": 7, "values": {"total": 7, "last": [1, {"b": null}]}, "attempt_ns": 5, "at_ns": 20}
{"key": "7", "values": {"total": 70}, "attempt_ns": 5, "at_ns": 25}
{"key": "gone", "values": {"total": 1}, "attempt_ns": 5, "at_ns": 26}
{"key": "gone", "values": {}, "attempt_ns": 5, "at_ns": 27}
{"key": "expired", "values": {"total": 1}, "attempt_ns": 5, "at_ns": 28}
"""
SECOND = """\
{"key": "expired", "values": {}, "attempt_ns": 30, "at_ns": 35}
{"key": "a", "values": {"total": 2}, "attempt_ns": 30, "at_ns": 40}
{"key": "a", "values": {"total": 4}, "attempt_ns": 30, "at_"""


def test_the_latest_line_of_the_latest_attempt_is_the_memory_of_a_key(tmp_path: Path) -> None:
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
