"""Cache entries are complete or absent."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from filelock import FileLock

from flink_testbed.artifacts import cache
from flink_testbed.core.problem import HostError


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of entries of kind ``things`` in a cache of this test's own."""
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(tmp_path))
    shelf = tmp_path / "things"
    shelf.mkdir()
    return shelf


def _provide(key: str = "k-1.0", build: Any = lambda directory: {}, needs_mib: int = 0) -> cache.Entry:
    return cache.provide_entry("things", key, build, needs_mib=needs_mib, progress=lambda _: None)


def test_an_entry_is_built_once(shelf: Path) -> None:

    def build(directory: Path) -> dict[str, Any]:
        (directory / "file").write_text("content")
        return {"what": "a thing"}

    assert _provide(build=build).path == shelf / "k-1.0"
    again = _provide(build=lambda directory: pytest.fail("built twice"))
    assert (again.path / "file").read_text() == "content"
    assert again.facts["what"] == "a thing"
    assert "built" in again.facts


def test_a_failed_build_leaves_nothing_behind(shelf: Path) -> None:

    def build(directory: Path) -> dict[str, Any]:
        (directory / "file").touch()
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        _provide(build=build)
    assert [path for path in shelf.iterdir() if path.is_dir()] == []


def test_an_entry_is_not_found_while_it_is_built(shelf: Path) -> None:

    def build(directory: Path) -> dict[str, Any]:
        assert not (shelf / "k-1.0").exists()
        assert cache.find_entry("things", "k-1.0") is None
        return {}

    _provide(build=build)


@pytest.mark.parametrize("pid", [1, 999999999])
@pytest.mark.parametrize("key", ["k-1.0", "other-2.0"])
def test_a_partial_directory_without_a_lock_is_removed(shelf: Path, key: str, pid: int) -> None:
    """Even if its process id is alive: it may be a zombie or reused."""
    (shelf / f".{key}.{pid}.partial" / "venv").mkdir(parents=True)
    _provide()
    assert list(shelf.glob(".*.partial")) == []


def test_a_partial_directory_whose_lock_is_held_stays(shelf: Path) -> None:
    """Even if its process id is dead here: it may be of another container."""
    theirs = shelf / ".other-2.0.999999999.partial"
    theirs.mkdir()
    with FileLock(shelf / ".other-2.0.lock"):
        _provide()
    assert theirs.is_dir()


def test_missing_disk_space_is_an_error_before_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(total=0, used=0, free=7 * 1024 * 1024)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(HostError) as caught:
        _provide(build=lambda directory: pytest.fail("built on a full disk"), needs_mib=8)
    (problem,) = caught.value.problems
    assert (problem.code, problem.expected, problem.seen) == ("FA412", "8 MiB free", "7 MiB free")
