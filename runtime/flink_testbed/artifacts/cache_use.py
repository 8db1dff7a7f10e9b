"""Entries of the cache that are in use, and the ones that a sweep may remove.

A process that uses an entry holds a shared lock on a file beside it until it ends; the file's time is that of the last
use. The lock is the kernel's, so that a killed process uses nothing. Clusters that outlive their session are found by
their command lines.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from flink_testbed.core import clock
from flink_testbed.core.directories import cache_root
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.ownership.detached import detached_services

# Not the files of sessions, of detached clusters and of leases.
_KINDS = ("environments", "class-archives", "java", "jars", "shipments", "runtime", "patched-classes", "kafka-formats")
# A cluster names these in environment variables, not in its command lines.
_IN_ENVIRONMENTS = ("runtime", "shipments")
_DAY_S = 86_400.0
# Open until this process ends, with the locks.
_held: dict[Path, int] = {}


def hold(entry: Path) -> None:
    """Keep a sweep from removing an entry while this process lives.

    Waits for a sweep that is removing it. A cache that cannot be written cannot be swept either.
    """
    if entry in _held:
        return
    with contextlib.suppress(OSError):
        entry.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(_use_file(entry), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(file, fcntl.LOCK_SH)
        os.utime(file)
        _held[entry] = file


@dataclass(frozen=True, slots=True)
class UnusedEntry:
    """An entry that no process used for some time, and its size."""

    path: Path
    used_s: float
    mib: int

    @property
    def idle_days(self) -> int:
        """The days since its last use."""
        return int((clock.wall_time_s() - self.used_s) / _DAY_S)

    def remove(self) -> None:
        """Remove the entry.

        Raises ``HostError`` FA411 if a process has begun to use it.
        """
        with _exclusively(self.path) as is_unused:
            if not is_unused:
                raise HostError(Problem("FA411", "a process uses the entry now", os.fspath(self.path)))
            # Renamed first: an entry is complete or absent.
            partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.partial")
            self.path.rename(partial)
            shutil.rmtree(partial)


def unused_entries(older_than_days: float) -> list[UnusedEntry]:
    """Return the entries that no process uses, and that none has used for so many days."""
    limit = clock.wall_time_s() - older_than_days * _DAY_S
    commands = _command_lines()
    is_any_detached = any(True for _ in detached_services())
    found = []
    for path in entries():
        if is_any_detached and path.parent.name in _IN_ENVIRONMENTS:
            continue
        used_s = last_use_s(path)
        if used_s <= limit and not any(os.fspath(path) in line for line in commands):
            with _exclusively(path) as is_unused:
                if is_unused:
                    found.append(UnusedEntry(path, used_s, size_mib(path)))
    return found


def entries() -> Iterator[Path]:
    """Yield the complete entries of the cache."""
    for kind in _KINDS:
        for path in sorted((cache_root() / kind).glob("[!.]*")):
            if path.is_dir() and not path.is_symlink():
                yield path


def last_use_s(entry: Path) -> float:
    """Return the time of the last use; without a record of one, the time at which the entry was made."""
    with contextlib.suppress(OSError):
        return _use_file(entry).stat().st_mtime
    return entry.stat().st_mtime


def size_mib(directory: Path) -> int:
    """Return the disk space of a directory's files; files with several names count once."""
    seen: dict[tuple[int, int], int] = {}
    ahead = [os.fspath(directory)]
    while ahead:
        with contextlib.suppress(OSError), os.scandir(ahead.pop()) as found:
            for entry in found:
                facts = entry.stat(follow_symlinks=False)
                seen[facts.st_dev, facts.st_ino] = facts.st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    ahead.append(entry.path)
    return round(sum(seen.values()) / (1024 * 1024))


@contextlib.contextmanager
def _exclusively(entry: Path) -> Iterator[bool]:
    """Hold the entry against every other process; False if one uses it."""
    used_s = last_use_s(entry)
    file = os.open(_use_file(entry), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # To look at an entry is no use of it.
        os.utime(file, (used_s, used_s))
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(file)


def _use_file(entry: Path) -> Path:
    return entry.with_name(f".{entry.name}.use")


def _command_lines() -> list[str]:
    lines = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            lines.append(" ".join(process.cmdline()))
    return lines
