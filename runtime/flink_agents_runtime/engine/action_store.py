"""The interface of an action state store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from flink_agents_runtime.engine.action_record import ActionRecord, Execution, Place


class ActionStateStore(Protocol):
    """Keeps records of actions. Used by one thread at a time. Every method raises :class:`StoreError` if it fails.

    ``put`` and ``drop`` are durable when they return. What ``put`` wrote is found by ``get`` of a later attempt, after
    ``rebuild``; whether the attempt that wrote it finds it too is left to the store: it never has to ask.
    """

    def rebuild(self, marker: Any = None) -> None:
        """Read what earlier attempts recorded, all of it: since ``marker``, or since ever."""

    def left_keys(self) -> frozenset[str]:
        """The keys that earlier attempts left records of."""

    def get(self, key: str, sequence: int) -> Mapping[Place, ActionRecord]:
        """What earlier attempts recorded of the run of one input."""

    def put(self, execution: Execution, record: ActionRecord) -> None:
        """Keep a record in the place of an earlier one of the same execution."""

    def drop(self, key: str, sequence: int) -> None:
        """The key went another way from this input on: forget its records from there on."""

    def prune(self, key: str, sequence: int) -> None:
        """A checkpoint holds the key's runs up to and including this input: forget their records."""

    def finish(self) -> None:
        """The job came to its end: forget all its records, as one step, so that no later job sees a part of them."""

    def marker(self) -> Any:
        """Where ``rebuild`` may begin for a checkpoint that is taken now."""

    def close(self) -> None:
        """Let go of what was read. What was put stays, and a rebuild reads it again."""
