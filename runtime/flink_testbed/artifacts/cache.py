"""Directories that are built once and shared by all sessions.

An entry is complete or absent: it is built under a temporary name and renamed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from flink_testbed.artifacts.cache_use import hold
from flink_testbed.artifacts.contents import is_recorded, record_contents, require_contents
from flink_testbed.core.clock import wait_until
from flink_testbed.core.directories import cache_root
from flink_testbed.core.problem import HostError, Problem

_MANIFEST = "manifest.json"
# Longer than any build, so that a waiter never gives up on a builder that makes progress.
_LOCK_WAIT_S = 3000.0
_SWEEP_S = 5.0
# The entries that this process has compared with their record; once is enough.
_checked: set[Path] = set()


@dataclass(frozen=True, slots=True)
class Entry:
    """A complete directory of the cache, and the facts that its builder recorded."""

    path: Path
    facts: Mapping[str, Any]


def find_entry(kind: str, key: str) -> Entry | None:
    """Return the entry, or None if the cache does not have it.

    A directory without a manifest or without a record of its contents does not count. Raises
    :class:`HostError` FA416 if the files differ from the record.
    """
    path = cache_root() / kind / key
    with contextlib.suppress(FileNotFoundError):
        entry = Entry(path, json.loads((path / _MANIFEST).read_text(encoding="utf-8")))
        if not is_recorded(path):
            return None
        if path not in _checked:
            require_contents(path)
            _checked.add(path)
        return entry
    return None


def provide_entry(
    kind: str, key: str, build: Callable[[Path], dict[str, Any]], *, needs_mib: int, progress: Callable[[str], None]
) -> Entry:
    """Return the entry; build it if the cache does not have it.

    ``build`` fills an empty directory and returns facts for the manifest. It runs in one process at
    a time. Its directory gets the entry's name only when complete, so that neither an error nor
    SIGKILL leaves half an entry. No sweep removes it while this process lives. ``needs_mib`` is the
    free disk space that the build requires.
    """
    hold(cache_root() / kind / key)
    entry = find_entry(kind, key)
    if entry:
        return entry
    directory = cache_root() / kind
    directory.mkdir(parents=True, exist_ok=True)
    lock = FileLock(directory / f".{key}.lock")
    _acquire(lock, key, progress)
    try:
        # Another process may have built it in the meantime.
        return find_entry(kind, key) or _build(directory, key, build, needs_mib)
    finally:
        lock.release()


def _acquire(lock: FileLock, key: str, progress: Callable[[str], None]) -> None:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress(f"another session is building {key}: waiting for it")
        try:
            lock.acquire(timeout=_LOCK_WAIT_S)
        except Timeout:
            raise HostError(
                Problem(
                    "FA411",
                    f"another session has been building {key} for {_LOCK_WAIT_S:g} s",
                    where=lock.lock_file,
                    next_step="end the session that hangs; its lock is released with it",
                )
            ) from None


def _build(directory: Path, key: str, build: Callable[[Path], dict[str, Any]], needs_mib: int) -> Entry:
    _sweep(directory, key)
    _require_disk(directory, needs_mib)
    partial = directory / f".{key}.{os.getpid()}.partial"
    partial.mkdir()
    try:
        facts = build(partial)
        manifest = json.dumps(facts | {"built": datetime.now(timezone.utc).isoformat(timespec="seconds")}, indent=2)
        (partial / _MANIFEST).write_text(manifest, encoding="utf-8")
        record_contents(partial)
        # A directory of an older version may have this name without being an entry.
        shutil.rmtree(directory / key, ignore_errors=True)
        partial.rename(directory / key)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return Entry(directory / key, facts)


def _sweep(directory: Path, own_key: str) -> None:
    """Remove the partial directories of dead builders.

    The caller holds the lock of ``own_key``. A builder is dead if its lock can be acquired. The
    process id in the name proves nothing: it may be a zombie's, reused, or of another container.
    """
    for leftover in directory.glob(".*.partial"):
        key = leftover.name[1:].rpartition(".partial")[0].rpartition(".")[0]
        if key == own_key:
            _remove(leftover)
            continue
        lock = FileLock(directory / f".{key}.lock")
        with contextlib.suppress(Timeout), lock.acquire(timeout=0):
            _remove(leftover)


def sweep_partials(*, dry_run: bool) -> list[Path]:
    """Return the partial directories of dead builders, and remove them unless ``dry_run``."""
    found = []
    for leftover in sorted(cache_root().glob("*/.*.partial")):
        key = leftover.name[1:].rpartition(".partial")[0].rpartition(".")[0]
        with contextlib.suppress(Timeout), FileLock(leftover.parent / f".{key}.lock").acquire(timeout=0):
            # Its builder may have finished before the lock was acquired.
            if leftover.exists():
                found.append(leftover)
                if not dry_run:
                    _remove(leftover)
    return found


def _remove(leftover: Path) -> None:
    """Remove a tree to which other processes may still write.

    They are the children of a builder that was just killed.
    """

    def gone() -> tuple[bool | None, str]:
        shutil.rmtree(leftover, ignore_errors=True)
        return (None, "new files in it") if leftover.exists() else (True, "gone")

    wait_until(gone, what=f"{leftover} to be removed", timeout_s=_SWEEP_S, next_step="remove the directory by hand")


def _require_disk(path: Path, needs_mib: int) -> None:
    free_mib = shutil.disk_usage(path).free // (1024 * 1024)
    if free_mib < needs_mib:
        raise HostError(
            Problem(
                "FA412",
                "not enough free disk space",
                where=os.fspath(path),
                expected=f"{needs_mib} MiB free",
                seen=f"{free_mib} MiB free",
                next_step="free some space, or set FLINK_AGENTS_TEST_CACHE_DIR to a directory on another disk",
            )
        )
