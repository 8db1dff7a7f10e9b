"""One process of a replay: the engine that runs inputs one after the other, and what it saw."""

from __future__ import annotations

import json
import sys
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Any

from flink_agents_runtime.config.configuration import option
from flink_agents_runtime.engine.action_record import ActionRecord, Execution
from flink_agents_runtime.engine.cause import Attempt, set_attempt
from flink_agents_runtime.engine.metrics import MemoryMetricGroup
from flink_agents_runtime.engine.recorded import RecordedCalls, RecordedRun
from flink_agents_runtime.engine.run import KeyRun, Step
from flink_agents_runtime.engine.state import KeyState
from flink_agents_runtime.local.activity import WatchedEngine
from flink_agents_runtime.local.pool import DaemonPool
from flink_agents_runtime.plan.named_plan import NamedPlan
from flink_agents_runtime.stores.memory import MemoryStore


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


class CountingStore(MemoryStore):
    """A store that keeps its writes in order, and counts them for the calls of the attempt."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__()
        self._attempt = attempt
        self.written: list[tuple[Execution, ActionRecord]] = []

    def put(self, execution: Execution, record: ActionRecord) -> None:
        """Store a record and keep it.

        A copy is kept, because the end of a call changes the record of its begin.
        """
        super().put(execution, record)
        self.written.append((execution, ActionRecord.from_bytes(record.to_bytes())))
        self._attempt.steps += 1

    def begin_input(self) -> None:
        """Forget the writes of earlier inputs."""
        self.written = []
        self._attempt.steps = 0


class _UnstoredCalls(RecordedCalls):
    """Durable calls of a job without a store, whose records only count steps."""

    def _unrecordable(self, function_id: str, reason: Exception) -> None:
        """End the recording, as without a store, and not the run."""
        super(RecordedCalls, self)._unrecordable(function_id, reason)


class _UnstoredRun(RecordedRun):
    """The run loop of one key in a job without a store."""

    calls_type = _UnstoredCalls


class ReplayProcess:
    """The engine of one process, with the attempt that its calls name.

    Its store always counts the steps; without ``with_store`` the job has none.
    """

    def __init__(self, plan: NamedPlan, attempt: int, *, with_store: bool) -> None:
        # A fork has its parent's generators, and would draw the same values; Python's own is seeded again at a fork.
        if "numpy.random" in sys.modules:
            sys.modules["numpy.random"].seed()
        self.attempt = Attempt(attempt)
        set_attempt(self.attempt)
        self.store = CountingStore(self.attempt)
        self.seen = SeenRun()
        # Stands still while an input is processed: memory must not expire because its replay comes later.
        self.now_ms = 0
        self.engine = WatchedEngine(
            plan,
            executor=DaemonPool(option(plan.config, "num-async-threads"), "agent-async"),
            observers=[self.seen],
            metrics=MemoryMetricGroup(),
            is_done=_wait_for,
            now_ms=lambda: self.now_ms,
            store=self.store,
        )
        if not with_store:
            self.engine.recorded_run = _UnstoredRun

    def run_of(self, key: Any, state: KeyState) -> KeyRun:
        """Return the run loop of a key."""
        return self.engine.run_for(key, state, lambda value, _: self.seen.outputs.append(value))

    def process(self, run: KeyRun, value: Any, number: int, now_ms: int) -> dict[str, Any]:
        """Run one input at a time of the clock to its end; return what it did."""
        self.seen.clear()
        self.now_ms = now_ms
        run.offer(value, number)
        while run.step() is not Step.IDLE:
            pass
        return self.seen.as_json(run.state)


def _wait_for(future: Future[Any]) -> bool:
    wait([future])
    return True
