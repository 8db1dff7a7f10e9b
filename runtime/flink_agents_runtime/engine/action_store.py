"""The interface of an action state store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from flink_agents_runtime.engine.action_record import ActionRecord, Execution, Place


class ActionStateStore(Protocol):
    """A store of action records, used by one thread at a time.

    Every method raises :class:`StoreError` if it fails. ``put`` and ``drop`` are durable when they
    return. A later attempt finds the records with ``get`` after ``rebuild``; a store need not return
    records to the attempt that wrote them.
    """

    def rebuild(self, marker: Any = None) -> None:
        """Read all records of earlier attempts, from ``marker`` on if it is given."""

    def left_keys(self) -> frozenset[str]:
        """Return the keys of which earlier attempts left records."""

    def get(self, key: str, sequence: int) -> Mapping[Place, ActionRecord]:
        """Return the records of earlier attempts for the run of one input."""

    def put(self, execution: Execution, record: ActionRecord) -> None:
        """Write a record; it replaces an earlier one of the same execution."""

    def drop(self, key: str, sequence: int) -> None:
        """Delete the key's records of earlier attempts from this input on: its inputs have changed."""

    def prune(self, key: str, sequence: int) -> None:
        """Delete the key's records of earlier attempts up to this input: a checkpoint holds its runs."""

    def finish(self) -> None:
        """Delete all records of the finished job in one step."""

    def marker(self) -> Any:
        """Return the position from which ``rebuild`` may read after a checkpoint taken now."""

    def close(self) -> None:
        """Release the records read so far; they stay in the store."""
