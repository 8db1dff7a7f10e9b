"""The record of everything in a session that could outlive it.

One file a session in the cache, written before each thing is created and removed when the session
ends in order. A session that was killed leaves its file, which says what a sweep must look for.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flink_testbed.core.directories import cache_root, make_private
from flink_testbed.ownership.owner import Owner, owner_from, this_process

SOCKETS, CLUSTER, BROKERS, JOBS, TOPICS = "sockets", "cluster", "brokers", "jobs", "topics"


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that ``owner`` created in a run.

    The entries are pairs of kind and name. The name of ``sockets`` is a directory; that of
    ``cluster`` and ``brokers`` is the directory of a Flink or Kafka cluster, of which only the
    scratch directories are deleted. The name of ``jobs`` is the REST address of an external cluster
    that ran jobs of the run, that of ``topics`` the bootstrap address of an external Kafka.
    """

    run_id: str
    owner: Owner
    made: tuple[tuple[str, str], ...] = ()

    @property
    def file(self) -> Path:
        """The file of the record."""
        return _directory() / f"{self.run_id}.json"

    def named(self, kind: str) -> list[str]:
        """Return the names of one kind."""
        return [name for known, name in self.made if known == kind]

    def without(self, kind: str, name: str) -> Record:
        """Return the record without one entry."""
        return Record(self.run_id, self.owner, tuple(pair for pair in self.made if pair != (kind, name)))

    def write(self) -> None:
        """Write the file; a record without entries has none."""
        if not self.made:
            # A cache that could not be created holds no record to remove.
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                self.file.unlink()
            return
        make_private(self.file.parent)
        fresh = self.file.with_suffix(f".{os.getpid()}.tmp")
        data = {"run_id": self.run_id, "owner": self.owner.as_json(), "made": self.made}
        fresh.write_text(json.dumps(data), encoding="utf-8")
        fresh.replace(self.file)


class OwnRecord:
    """The record of this process's session, written with each change. Thread-safe."""

    def __init__(self, run_id: str) -> None:
        self._record = Record(run_id, this_process())
        self._lock = threading.Lock()

    def note(self, kind: str, name: str) -> None:
        """Add an entry; call this before the thing is created."""
        with self._lock:
            if (kind, name) not in self._record.made:
                made = (*self._record.made, (kind, name))
                self._record = Record(self._record.run_id, self._record.owner, made)
                self._record.write()

    def forget(self, kind: str, name: str) -> None:
        """Remove an entry: the thing no longer belongs to this session."""
        with self._lock:
            self._record = self._record.without(kind, name)
            self._record.write()

    @property
    def made(self) -> tuple[tuple[str, str], ...]:
        """All entries."""
        return self._record.made

    def close(self) -> None:
        """Remove the record: the session has ended and has cleaned up."""
        self._record = Record(self._record.run_id, self._record.owner)
        self._record.write()


def own_record(run_id: str) -> OwnRecord:
    """Return the record of a run of this process.

    Every thread gets the same one.
    """
    # functools.cache alone may call the constructor twice if two threads come at once.
    with _creating:
        return _created_once(run_id)


_creating = threading.Lock()
_created_once = cache(OwnRecord)


def records() -> Iterator[Record]:
    """Yield every session's record.

    Unreadable files are skipped, as their owner is unknown.
    """
    for file in sorted(_directory().glob("*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            data = json.loads(file.read_text(encoding="utf-8"))
            made = tuple((str(kind), str(name)) for kind, name in data["made"])
            yield Record(str(data["run_id"]), owner_from(data["owner"]), made)


def _directory() -> Path:
    return cache_root() / "sessions"
