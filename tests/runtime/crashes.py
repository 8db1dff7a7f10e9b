"""A memory store that crashes an attempt at a chosen point and counts recorded calls."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flink_agents_runtime.engine.durable import PENDING
from flink_agents_runtime.stores.memory import MemoryStore


class Crash(KeyboardInterrupt):
    """The crash of an attempt: the engine wraps every exception except an interrupt of the main thread."""


class CrashingStore:
    """A memory store that outlives attempts. Also an observer: each event, and both sides of each write, is a point.

    ``crash_at`` is the point at which the attempt ends, counted from its begin; None lets it live. ``recorded`` counts,
    by digest of arguments, the durable calls whose outcome was written, by whatever attempt.
    """

    def __init__(self) -> None:
        self.crash_at: int | None = None
        self.points = 0
        self._store = MemoryStore()
        self._calls: dict[Any, str] = {}
        # The number of executions recorded as completed.
        self.completed = 0

    @property
    def recorded(self) -> Counter[str]:
        return Counter(self._calls.values())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def begin(self, crash_at: int | None) -> None:
        self.crash_at, self.points = crash_at, 0

    def point(self) -> None:
        if self.points == self.crash_at:
            raise Crash
        self.points += 1

    def event_processed(self, key: Any, event_type: str, event: str) -> None:
        self.point()

    def put(self, execution: Any, record: Any) -> None:
        self.point()
        self._store.put(execution, record)
        self.completed += record.completed
        for index, call in enumerate(record.calls):
            if call.status != PENDING:
                self._calls[execution, index] = call.args_digest
        self.point()

    def finish(self) -> None:
        self.point()
        self._store.finish()
