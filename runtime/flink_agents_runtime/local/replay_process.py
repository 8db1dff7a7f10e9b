"""One process of a replay: the engine that runs inputs one after the other, and what it saw."""

from __future__ import annotations

import sys
from typing import Any

from flink_agents_runtime.config.configuration import option
from flink_agents_runtime.engine.cause import Attempt, set_attempt
from flink_agents_runtime.engine.metrics import MemoryMetricGroup
from flink_agents_runtime.engine.replayed import CountingStore, SeenRun, UnstoredRun, wait_for
from flink_agents_runtime.engine.run import KeyRun, Step
from flink_agents_runtime.engine.state import KeyState
from flink_agents_runtime.local.activity import WatchedEngine
from flink_agents_runtime.local.pool import DaemonPool
from flink_agents_runtime.plan.named_plan import NamedPlan
from flink_agents_runtime.stores.memory import MemoryStore


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
        self.store = CountingStore(MemoryStore(), self.attempt)
        self.seen = SeenRun()
        # Stands still while an input is processed: memory must not expire because its replay comes later.
        self.now_ms = 0
        self.engine = WatchedEngine(
            plan,
            executor=DaemonPool(option(plan.config, "num-async-threads"), "agent-async"),
            observers=[self.seen],
            metrics=MemoryMetricGroup(),
            is_done=wait_for,
            now_ms=lambda: self.now_ms,
            store=self.store,
        )
        if not with_store:
            self.engine.recorded_run = UnstoredRun

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
