"""Changed files in the cache are found."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flink_testbed.artifacts import cache
from flink_testbed.artifacts.contents import record_contents, require_contents
from flink_testbed.core.problem import HostError


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Two files, one below a directory, and their record."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.jar").write_bytes(b"0123456789")
    (tmp_path / "b.txt").write_bytes(b"text")
    record_contents(tmp_path)
    return tmp_path


def flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])


def link(path: Path) -> None:
    elsewhere = path.rename(path.parent.parent / path.name)
    path.symlink_to(elsewhere)


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a flipped byte": (lambda path: flip(path / "lib" / "a.jar"), "lib/a.jar has changed"),
    "cut short": (lambda path: (path / "b.txt").write_bytes(b"te"), "b.txt has changed (2 bytes, recorded 4)"),
    "gone": (lambda path: (path / "b.txt").unlink(), "b.txt is missing"),
    "a link": (lambda path: link(path / "b.txt"), "b.txt is no regular file"),
    "no record": (lambda path: (path / "contents.json").unlink(), "no contents.json"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_file_is_refused(directory: Path, change: str) -> None:
    alter, seen = CHANGES[change]
    alter(directory)
    with pytest.raises(HostError) as caught:
        require_contents(directory)
    (problem,) = caught.value.problems
    assert (problem.code, problem.where) == ("FA416", str(directory))
    assert seen in problem.seen
    assert "delete the directory" in problem.next_step


def test_added_and_touched_files_are_no_change(directory: Path) -> None:
    """Bytecode, new files, new times with the same bytes, and certifi's list."""
    (directory / "certifi").mkdir()
    (directory / "certifi" / "cacert.pem").write_text("one")
    record_contents(directory)
    (directory / "certifi" / "cacert.pem").write_text("one and our own")
    (directory / "__pycache__").mkdir()
    (directory / "__pycache__" / "x.pyc").touch()
    (directory / "new").touch()
    os.utime(directory / "b.txt", (1, 1))
    require_contents(directory)


def test_the_cache_refuses_a_changed_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(tmp_path))

    def build(directory: Path) -> dict[str, object]:
        (directory / "program").write_bytes(b"0123")
        return {}

    entry = cache.provide_entry("things", "k", build, needs_mib=0, progress=lambda _: None)
    assert cache.find_entry("things", "k")
    flip(entry.path / "program")
    monkeypatch.setattr(cache, "_checked", set())
    with pytest.raises(HostError, match="program has changed"):
        cache.find_entry("things", "k")


def test_an_entry_without_a_record_is_rebuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries of early versions have none."""
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(tmp_path))

    def build(directory: Path) -> dict[str, object]:
        (directory / "program").write_bytes(b"new")
        return {}

    old = tmp_path / "things" / "k"
    old.mkdir(parents=True)
    (old / "manifest.json").write_text("{}")
    (old / "program").write_bytes(b"old")
    entry = cache.provide_entry("things", "k", build, needs_mib=0, progress=lambda _: None)
    assert (entry.path / "program").read_bytes() == b"new"
