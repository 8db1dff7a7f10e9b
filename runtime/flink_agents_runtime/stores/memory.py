"""A store in this process: for attempts that follow each other without the process ending."""

from __future__ import annotations

from collections.abc import Mapping

from flink_agents_runtime.engine.action_record import ActionRecord, Execution, Place
from flink_agents_runtime.stores.index import Index


class MemoryStore:
    """Keeps records as the bytes they would be elsewhere. Closing it changes nothing: the next attempt opens it anew."""

    def __init__(self) -> None:
        self._kept: Index[tuple[int, bytes]] = Index()
        self._found: Index[ActionRecord] = Index()
        self._puts = 0

    def rebuild(self, marker: int | None = None) -> None:
        """Read what was put, or what was put since the marker."""
        self._found = Index()
        for execution, (number, content) in self._kept:
            if number >= (marker or 0):
                self._found.put(execution, ActionRecord.from_bytes(content))

    def left_keys(self) -> frozenset[str]:
        """The keys found by the last rebuild."""
        return self._found.keys()

    def get(self, key: str, sequence: int) -> Mapping[Place, ActionRecord]:
        """What the last rebuild found of one input's run."""
        return self._found.run(key, sequence)

    def put(self, execution: Execution, record: ActionRecord) -> None:
        """Keep a record."""
        self._kept.put(execution, (self._puts, record.to_bytes()))
        self._puts += 1

    def drop(self, key: str, sequence: int) -> None:
        """Forget the key's records from this input on."""
        for index in (self._kept, self._found):
            index.take(key, lambda other: other >= sequence)

    def prune(self, key: str, sequence: int) -> None:
        """Forget the key's records up to this input."""
        for index in (self._kept, self._found):
            index.take(key, lambda other: other <= sequence)

    def finish(self) -> None:
        """Forget everything."""
        self._kept, self._found = Index(), Index()

    def marker(self) -> int:
        """How many records were put so far."""
        return self._puts

    def close(self) -> None:
        """Nothing: it may be used again."""
