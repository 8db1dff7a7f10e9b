"""Directories for their owner only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from flink_testbed.core.directories import make_private
from flink_testbed.ownership.owner import this_process
from flink_testbed.ownership.session_record import Record
from pytest_flink_agents.report.directory import RunFolder


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """Let new files be open to everybody, as on some shared machines."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_private_directory_is_closed_whatever_the_umask_is(tmp_path: Path) -> None:
    assert mode_of(make_private(tmp_path / "a" / "b")) == 0o700
    assert mode_of(tmp_path / "a") == 0o777


def test_an_existing_directory_is_closed_too(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert mode_of(make_private(tmp_path / "a")) == 0o700
    with pytest.raises(FileExistsError):
        make_private(tmp_path / "a", exist_ok=False)


def test_the_run_folder_is_private_and_its_parent_is_not(tmp_path: Path) -> None:
    RunFolder(tmp_path / "reports" / "run", keep=3).make()
    assert mode_of(tmp_path / "reports" / "run") == 0o700
    assert mode_of(tmp_path / "reports") == 0o777


def test_records_of_sessions_are_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(tmp_path))
    record = Record("run", this_process(), (("topic", "t"),))
    record.write()
    assert mode_of(record.file.parent) == 0o700
