"""Observations of one input's run, which two runs of the input can be compared by.

The number of recorded steps is the position in a run of each call, and of each point at which the process could have died.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Any

from flink_agents_runtime.engine.action_record import ActionRecord, Execution, Place
from flink_agents_runtime.engine.action_store import ActionStateStore
from flink_agents_runtime.engine.cause import Attempt
from flink_agents_runtime.engine.durable import PENDING
from flink_agents_runtime.engine.recorded import RecordedCalls, RecordedRun
from flink_agents_runtime.engine.state import KeyState


@dataclass(slots=True)
class SeenRun:
    """The outputs and events of one input, of which it is an observer."""

    outputs: list[Any] = field(default_factory=list)
    events: list[list[Any]] = field(default_factory=list)

    def event_processed(self, key: Any, event_type: str, event: str) -> None:
        """Keep the event without its id."""
        self.events.append([event_type, json.loads(event).get("attributes")])

    def clear(self) -> None:
        """Begin with another input."""
        self.outputs, self.events = [], []

    def as_json(self, state: KeyState) -> dict[str, Any]:
        """Return outputs, events, and the memory at the end."""
        memory = {path: item[0] for path, item in state.short_term.items() if isinstance(item, tuple)}
        plain: dict[str, Any] = json.loads(json.dumps({"memory": memory}, default=str))
        return {"outputs": self.outputs, "events": self.events, **plain, "failure": None}


class CountingStore:
    """A store whose writes of one input are kept in order, and counted for the calls of the attempt.

    ``before_put`` is called before each write.
    """

    def __init__(
        self, store: ActionStateStore, attempt: Attempt, *, before_put: Callable[[], None] = lambda: None
    ) -> None:
        self._store = store
        self._attempt = attempt
        self._before_put = before_put
        self.written: list[tuple[Execution, ActionRecord]] = []

    def begin_input(self) -> None:
        """Forget the writes of earlier inputs."""
        self.written = []
        self._attempt.steps = 0

    def put(self, execution: Execution, record: ActionRecord) -> None:
        """Store a record and keep it.

        A copy is kept, because the end of a call changes the record of its begin.
        """
        self._before_put()
        self._store.put(execution, record)
        self.written.append((execution, ActionRecord.from_bytes(record.to_bytes())))
        self._attempt.steps += 1

    def steps(self) -> list[dict[str, Any]]:
        """Return what each write says: a durable call began or ended, or (without a call) the action did."""
        return [_step(execution, record) for execution, record in self.written]

    def rebuild(self, marker: Any = None) -> None:
        """Read all records of earlier attempts."""
        self._store.rebuild(marker)

    def left_keys(self) -> frozenset[str]:
        """Return the keys of which earlier attempts left records."""
        return self._store.left_keys()

    def get(self, key: str, sequence: int) -> Mapping[Place, ActionRecord]:
        """Return the records of earlier attempts for the run of one input."""
        return self._store.get(key, sequence)

    def drop(self, key: str, sequence: int) -> None:
        """Delete the key's records from this input on."""
        self._store.drop(key, sequence)

    def prune(self, key: str, sequence: int) -> None:
        """Delete the key's records up to this input."""
        self._store.prune(key, sequence)

    def finish(self) -> None:
        """Delete all records."""
        self._store.finish()

    def marker(self) -> Any:
        """Return the position from which ``rebuild`` may read."""
        return self._store.marker()

    def close(self) -> None:
        """Release the records read so far."""
        self._store.close()


class _UnstoredCalls(RecordedCalls):
    """Durable calls of a job without a store, whose records only count steps."""

    def _unrecordable(self, function_id: str, reason: Exception) -> None:
        """End the recording, as without a store, and not the run."""
        super(RecordedCalls, self)._unrecordable(function_id, reason)


class UnstoredRun(RecordedRun):
    """The run loop of one key in a job without a store."""

    calls_type = _UnstoredCalls


def wait_for(future: Future[Any]) -> bool:
    """Wait for a call, so that nothing else of its key runs before it ends: two runs then have one order."""
    wait([future])
    return True


def _step(execution: Execution, record: ActionRecord) -> dict[str, Any]:
    last = None if record.completed else record.calls[-1]
    return {
        "action": execution.place.action,
        "call": last.function_id if last else "",
        "ended": last is None or last.status != PENDING,
    }
