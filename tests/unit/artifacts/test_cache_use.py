"""Cache entries that are in use stay, and those that nothing used for long are removed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flink_testbed.artifacts import cache, cache_use
from flink_testbed.core import clock
from flink_testbed.core.problem import HostError

_DAY_S = 86_400.0


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of job environments in a cache of this test's own."""
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(cache_use, "_held", {})
    return tmp_path / "environments"


def _used(path: Path, days_ago: float) -> Path:
    """Make an entry that a process, which has ended, used so many days ago."""
    path.mkdir(parents=True)
    (path / "file").write_bytes(b"x" * 3 * 1024 * 1024)
    use = path.with_name(f".{path.name}.use")
    use.touch()
    then = clock.wall_time_s() - days_ago * _DAY_S
    os.utime(use, (then, then))
    return path


def _unused(days: float) -> list[Path]:
    return [entry.path for entry in cache_use.unused_entries(days)]


def test_only_entries_that_were_not_used_for_so_long_are_found(shelf: Path) -> None:
    old, new = _used(shelf / "old", 40), _used(shelf / "new", 3)
    assert _unused(30) == [old]
    assert _unused(2) == [new, old], "to look at an entry is no use of it"
    (entry,) = cache_use.unused_entries(30)
    assert (entry.idle_days, entry.mib) == (40, 3)


def test_an_entry_without_a_record_of_its_use_was_used_when_it_was_made(shelf: Path) -> None:
    made = shelf / "made"
    made.mkdir(parents=True)
    assert _unused(1) == []
    then = clock.wall_time_s() - 5 * _DAY_S
    os.utime(made, (then, then))
    assert _unused(1) == _unused(1) == [made]


def test_an_entry_that_a_process_holds_is_not_found(shelf: Path) -> None:
    entry = cache.provide_entry("environments", "k", lambda _: {}, needs_mib=0, progress=lambda _: None)
    assert entry.path == shelf / "k"
    assert _unused(0) == []
    # As at the end of the process.
    os.close(cache_use._held.pop(entry.path))
    assert _unused(0) == [entry.path]


def test_an_entry_in_a_command_line_is_not_found(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _used(shelf / "detached", 40)
    monkeypatch.setattr(cache_use, "_command_lines", lambda: [f"java -cp {path}/lib/flink.jar Main"])
    assert _unused(30) == []


def test_the_runtime_stays_while_a_detached_cluster_lives(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, runtime = _used(shelf / "old", 40), _used(tmp_path / "runtime" / "r", 40)
    assert _unused(30) == [old, runtime]
    monkeypatch.setattr(cache_use, "detached_services", lambda: iter(["a cluster"]))
    assert _unused(30) == [old]


def test_a_removed_entry_is_absent_and_built_again(shelf: Path) -> None:
    _used(shelf / "k", 40)
    (entry,) = cache_use.unused_entries(30)
    entry.remove()
    assert [path.name for path in shelf.iterdir()] == [".k.use"]
    again = cache.provide_entry("environments", "k", lambda _: {}, needs_mib=0, progress=lambda _: None)
    assert again.path.is_dir()


def test_an_entry_that_came_into_use_after_it_was_found_stays(shelf: Path) -> None:
    path = _used(shelf / "k", 40)
    (entry,) = cache_use.unused_entries(30)
    cache_use.hold(path)
    with pytest.raises(HostError, match="a process uses the entry now"):
        entry.remove()
    assert path.is_dir()
    os.close(cache_use._held.pop(path))


def test_files_of_sessions_are_no_entries(tmp_path: Path) -> None:
    for kind in ("sessions", "detached", "ports"):
        _used(tmp_path / kind / "x", 400)
    assert list(cache_use.entries()) == []
