"""An action state store in memory, for attempts within one process."""

from __future__ import annotations

from collections.abc import Mapping

from flink_agents_runtime.engine.action_record import ActionRecord, Execution, Place
from flink_agents_runtime.stores.index import Index


class MemoryStore:
    """A store that keeps records in their serialised form.

    It can be used again after ``close``, by the next attempt.
    """

    def __init__(self) -> None:
        self._records: Index[tuple[int, bytes]] = Index()
        self._found: Index[ActionRecord] = Index()
        self._puts = 0

    def rebuild(self, marker: int | None = None) -> None:
        """Read all records, or those put since the marker."""
        self._found = Index()
        for execution, (number, content) in self._records:
            if number >= (marker or 0):
                self._found.put(execution, ActionRecord.from_bytes(content))

    def left_keys(self) -> frozenset[str]:
        """Return the keys found by the last rebuild."""
        return self._found.keys()

    def get(self, key: str, sequence: int) -> Mapping[Place, ActionRecord]:
        """Return the records of one input's run that the last rebuild found."""
        return self._found.run(key, sequence)

    def put(self, execution: Execution, record: ActionRecord) -> None:
        """Store a record."""
        self._records.put(execution, (self._puts, record.to_bytes()))
        self._puts += 1

    def drop(self, key: str, sequence: int) -> None:
        """Remove the key's records from this input on."""
        for index in (self._records, self._found):
            index.take(key, lambda other: other >= sequence)

    def prune(self, key: str, sequence: int) -> None:
        """Remove the key's records up to this input."""
        for index in (self._records, self._found):
            index.take(key, lambda other: other <= sequence)

    def finish(self) -> None:
        """Remove all records."""
        self._records, self._found = Index(), Index()

    def marker(self) -> int:
        """Return the number of records put so far."""
        return self._puts

    def close(self) -> None:
        """Do nothing: the store can be used again."""
