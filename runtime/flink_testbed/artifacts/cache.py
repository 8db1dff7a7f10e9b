"""The cache: directories built once, whole or not there, shared by all sessions of a machine."""

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

from flink_testbed.artifacts.contents import is_recorded, record_contents, require_contents
from flink_testbed.core.clock import wait_until
from flink_testbed.core.directories import cache_root
from flink_testbed.core.problem import HostError, Problem

_MANIFEST = "manifest.json"
# Longer than any build may take, so that a waiter does not give up on a builder that is alive.
_LOCK_WAIT_S = 3000.0
_SWEEP_S = 5.0
# Entries whose contents this process has looked at: once is enough.
_checked: set[Path] = set()


@dataclass(frozen=True, slots=True)
class Entry:
    """One finished directory of the cache, and what its builder said about it."""

    path: Path
    facts: Mapping[str, Any]


def find_entry(kind: str, key: str) -> Entry | None:
    """The entry if it is there. An entry without its manifest, or without a record of its contents, is not an entry.

    Raises :class:`HostError` FA416 where its files are not the ones that were put there.
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
    """The entry, built now if it is not there.

    ``build`` gets an empty directory to fill, and returns facts for the manifest. It runs in one process at a time;
    its directory gets its real name only when it is whole, so neither an error nor a SIGKILL leaves half an entry.
    """
    entry = find_entry(kind, key)
    if entry:
        return entry
    shelf = cache_root() / kind
    shelf.mkdir(parents=True, exist_ok=True)
    lock = FileLock(shelf / f".{key}.lock")
    _acquire(lock, key, progress)
    try:
        # Somebody else may have built it while we waited.
        return find_entry(kind, key) or _build(shelf, key, build, needs_mib)
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
                    f"another session has been building the same thing for {_LOCK_WAIT_S:g} s",
                    where=lock.lock_file,
                    next_step="look for a hanging session; its lock is dropped when it ends",
                )
            ) from None


def _build(shelf: Path, key: str, build: Callable[[Path], dict[str, Any]], needs_mib: int) -> Entry:
    _sweep(shelf, key)
    _require_disk(shelf, needs_mib)
    partial = shelf / f".{key}.{os.getpid()}.partial"
    partial.mkdir()
    try:
        facts = build(partial)
        manifest = json.dumps(facts | {"built": datetime.now(timezone.utc).isoformat(timespec="seconds")}, indent=2)
        (partial / _MANIFEST).write_text(manifest, encoding="utf-8")
        record_contents(partial)
        # What an older version left under this name, which is no entry to us.
        shutil.rmtree(shelf / key, ignore_errors=True)
        partial.rename(shelf / key)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return Entry(shelf / key, facts)


def _sweep(shelf: Path, own_key: str) -> None:
    """Remove what dead builders have left behind, under ``own_key``'s lock, which the caller holds.

    The lock tells who is dead, not the process id in the name: that may be a zombie's, reused, or of another container.
    """
    for leftover in shelf.glob(".*.partial"):
        key = leftover.name[1:].rpartition(".partial")[0].rpartition(".")[0]
        if key == own_key:
            _remove(leftover)
            continue
        lock = FileLock(shelf / f".{key}.lock")
        with contextlib.suppress(Timeout), lock.acquire(timeout=0):
            _remove(leftover)


def sweep_partials(*, dry_run: bool) -> list[Path]:
    """Every partial directory of the cache whose builder is dead; removed, unless this is only to see them."""
    found = []
    for leftover in sorted(cache_root().glob("*/.*.partial")):
        key = leftover.name[1:].rpartition(".partial")[0].rpartition(".")[0]
        with contextlib.suppress(Timeout), FileLock(leftover.parent / f".{key}.lock").acquire(timeout=0):
            # Its builder may have finished while we looked for the lock.
            if leftover.exists():
                found.append(leftover)
                if not dry_run:
                    _remove(leftover)
    return found


def _remove(leftover: Path) -> None:
    """Remove a tree into which the children of a builder killed just now may still be writing."""

    def gone() -> tuple[bool | None, str]:
        shutil.rmtree(leftover, ignore_errors=True)
        return (None, "files in it") if leftover.exists() else (True, "gone")

    wait_until(gone, what=f"{leftover} to be removed", timeout_s=_SWEEP_S, next_step="remove that directory by hand")


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
                next_step="free some space, or name another place with FLINK_AGENTS_TEST_CACHE_DIR",
            )
        )
