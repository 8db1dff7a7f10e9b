"""What each session has made that could outlive it, written down before it is made; for whoever cleans up after it.

One file a session in the cache, gone when the session ends in order. A session that was killed leaves its file, and the
file says what to look for.
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

from flink_testbed.core.directories import cache_root
from flink_testbed.ownership.owner import Owner, owner_from, this_process

SOCKETS, CLUSTER, BROKERS, JOBS, TOPICS = "sockets", "cluster", "brokers", "jobs", "topics"


@dataclass(frozen=True, slots=True)
class Record:
    """What ``owner`` has made in the run ``run_id``: pairs of kind and name.

    ``sockets`` names a directory, ``cluster`` and ``brokers`` the directory of a cluster of Flink or Kafka (of which only
    the scratch is to go), ``jobs`` the REST address of somebody else's cluster with jobs of the run, ``topics`` the
    bootstrap address of somebody else's Kafka.
    """

    run_id: str
    owner: Owner
    made: tuple[tuple[str, str], ...] = ()

    @property
    def file(self) -> Path:
        """Where it is kept."""
        return _shelf() / f"{self.run_id}.json"

    def named(self, kind: str) -> list[str]:
        """The names of one kind."""
        return [name for known, name in self.made if known == kind]

    def without(self, kind: str, name: str) -> Record:
        """The record when one thing is gone."""
        return Record(self.run_id, self.owner, tuple(pair for pair in self.made if pair != (kind, name)))

    def write(self) -> None:
        """Keep it; one that names nothing any more is removed."""
        if not self.made:
            # Where the cache could not even be made there is nothing to take back.
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                self.file.unlink()
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.file.with_suffix(f".{os.getpid()}.tmp")
        data = {"run_id": self.run_id, "owner": self.owner.as_json(), "made": self.made}
        fresh.write_text(json.dumps(data), encoding="utf-8")
        fresh.replace(self.file)


class OwnRecord:
    """The record of this process's session, written with each note; for several threads."""

    def __init__(self, run_id: str) -> None:
        self._record = Record(run_id, this_process())
        self._lock = threading.Lock()

    def note(self, kind: str, name: str) -> None:
        """Write down something that is about to be made."""
        with self._lock:
            if (kind, name) not in self._record.made:
                made = (*self._record.made, (kind, name))
                self._record = Record(self._record.run_id, self._record.owner, made)
                self._record.write()

    def forget(self, kind: str, name: str) -> None:
        """It is not this session's any more."""
        with self._lock:
            self._record = self._record.without(kind, name)
            self._record.write()

    @property
    def made(self) -> tuple[tuple[str, str], ...]:
        """All that was written down."""
        return self._record.made

    def close(self) -> None:
        """The session has ended, and has cleaned up itself."""
        self._record = Record(self._record.run_id, self._record.owner)
        self._record.write()


def own_record(run_id: str) -> OwnRecord:
    """The record of one of this process's runs: one, however many threads ask for it first."""
    with _making:
        return _made_once(run_id)


_making = threading.Lock()
_made_once = cache(OwnRecord)


def records() -> Iterator[Record]:
    """Every session's record. What cannot be read is nobody's to judge."""
    for file in sorted(_shelf().glob("*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            data = json.loads(file.read_text(encoding="utf-8"))
            made = tuple((str(kind), str(name)) for kind, name in data["made"])
            yield Record(str(data["run_id"]), owner_from(data["owner"]), made)


def _shelf() -> Path:
    return cache_root() / "sessions"
