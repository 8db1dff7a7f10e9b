"""The report directory and its run folders."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from flink_testbed.core import clock
from pytest_flink_agents.report.directory import RunFolder, node_folder, retire_latest, run_folder_name


@pytest.fixture
def tick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that advances by a second with each reading."""
    seconds = iter(range(1_763_900_000, 1_763_999_999))
    monkeypatch.setattr(clock, "wall_time_s", lambda: float(next(seconds)))


@pytest.mark.usefixtures("tick")
def test_names_sort_by_time_and_latest_is_the_newest(tmp_path: Path) -> None:
    first, second = new_folder(tmp_path / "r"), new_folder(tmp_path / "r")
    assert first.name.startswith("20251123T121320Z-")
    assert first.name < second.name
    assert (tmp_path / "r" / "latest").resolve() == second.resolve()


def test_names_sort_by_time_also_within_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two short sessions may begin in one."""
    times_s = [1_763_900_000 + milliseconds / 1000 for milliseconds in range(980, 1020, 2)]
    names = []
    for time_s in times_s:
        monkeypatch.setattr(clock, "wall_time_s", lambda time_s=time_s: time_s)
        names.append(run_folder_name())
    assert names == sorted(names)
    assert all(re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{6}", name) for name in names)


@pytest.mark.usefixtures("tick")
def test_the_newest_are_kept(tmp_path: Path) -> None:
    made = [new_folder(tmp_path, keep=20) for _ in range(23)]
    assert [folder.exists() for folder in made] == [False] * 3 + [True] * 20
    last = new_folder(tmp_path, keep=1)
    assert [folder.exists() for folder in (made[-1], last)] == [False, True]


@pytest.mark.usefixtures("tick")
def test_folders_without_the_marker_are_never_removed(tmp_path: Path) -> None:
    foreign = tmp_path / "20000101T000000Z-abcdef"
    foreign.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ".flink-agents-run").touch()
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "0-link").symlink_to(elsewhere)
    (reports / "0-foreign").mkdir()
    for _ in range(22):
        new_folder(reports)
    assert foreign.is_dir()
    assert (elsewhere / ".flink-agents-run").is_file()
    assert (reports / "0-foreign").is_dir()


def new_folder(report_dir: Path, keep: int = 20) -> Path:
    folder = report_dir / run_folder_name()
    RunFolder(folder, keep).make()
    return folder


def test_without_links_a_text_file_names_the_newest_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    folder = new_folder(tmp_path)
    assert (tmp_path / "latest.txt").read_text().strip() == folder.name
    assert sorted(path.name for path in tmp_path.iterdir()) == [".gitignore", folder.name, "latest.txt"]


@pytest.mark.usefixtures("tick")
def test_a_real_directory_named_latest_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "file").touch()
    folder = new_folder(tmp_path)
    assert (tmp_path / "latest" / "file").is_file()
    assert (tmp_path / "latest.txt").read_text().strip() == folder.name
    assert not list(tmp_path.glob(".latest-*"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s.yaml::退款一[local-2.2]", "s.yaml::退款二[local-2.2]"),
        ("s.yaml::a b[local-2.2]", "s.yaml::a-b[local-2.2]"),
        ("s.yaml::" + "x" * 200 + "1", "s.yaml::" + "x" * 200 + "2"),
    ],
)
def test_two_items_never_share_a_folder(tmp_path: Path, one: str, other: str) -> None:
    assert node_folder(tmp_path, one) != node_folder(tmp_path, other)


@pytest.mark.parametrize("node_id", ["../../etc/passwd", "..", "/", "a/../../b", "x" * 500, "退款", ""])
def test_an_item_stays_inside_the_run_folder(tmp_path: Path, node_id: str) -> None:
    folder = node_folder(tmp_path, node_id)
    assert folder.parent.parent == tmp_path / "artifacts"
    assert folder.resolve().is_relative_to(tmp_path.resolve() / "artifacts")
    assert len(folder.parent.name) <= 128
    assert node_folder(tmp_path, node_id) == folder


def test_a_retired_pointer_leads_to_no_old_run(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    retire_latest(tmp_path)
    assert not (tmp_path / "latest").exists()
    assert folder.is_dir()
    retire_latest(tmp_path)
    (tmp_path / "latest").mkdir()
    retire_latest(tmp_path)
    assert (tmp_path / "latest").is_dir(), "a directory of that name is the user's"


def test_the_report_directory_is_ignored_by_git(tmp_path: Path) -> None:
    RunFolder(tmp_path / run_folder_name(), 20).make()
    assert (tmp_path / ".gitignore").read_text() == "*\n"


def test_nothing_points_to_a_reserved_folder_and_an_unused_one_is_removed(tmp_path: Path):
    earlier = RunFolder(tmp_path / "20260101T000000Z-aaaaaa", 1)
    earlier.make()
    folder = RunFolder(tmp_path / run_folder_name(), 1)
    folder.reserve()
    assert folder.path.is_dir()
    assert (tmp_path / "latest").resolve() == earlier.path
    folder.remove_unused()
    assert not folder.path.exists()
    assert earlier.path.is_dir()


def test_an_unused_folder_leaves_no_directory_that_was_not_there_before(tmp_path: Path):
    folder = RunFolder(tmp_path / "reports" / run_folder_name(), 1)
    folder.reserve()
    folder.remove_unused()
    assert not (tmp_path / "reports").exists()


def test_a_reserved_folder_that_is_made_becomes_the_latest_and_stays(tmp_path: Path):
    RunFolder(tmp_path / "20260101T000000Z-aaaaaa", 1).make()
    folder = RunFolder(tmp_path / run_folder_name(), 1)
    folder.reserve()
    folder.make()
    folder.remove_unused()
    assert (tmp_path / "latest").resolve() == folder.path
    assert [path.name for path in tmp_path.glob("2*")] == [folder.path.name]
