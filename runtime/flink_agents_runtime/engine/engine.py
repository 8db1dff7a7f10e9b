"""The engine of one agent, which creates the run loop of each key."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor, Future
from typing import Any

from flink_agents_runtime.engine.action_store import ActionStateStore
from flink_agents_runtime.engine.expiry import wall_ms
from flink_agents_runtime.engine.metrics import MemoryMetricGroup
from flink_agents_runtime.engine.recorded import RecordedRun
from flink_agents_runtime.engine.run import Emit, KeyRun
from flink_agents_runtime.engine.shared import Observer, SharedParts
from flink_agents_runtime.engine.state import KeyState
from flink_agents_runtime.plan.build import require_executable
from flink_agents_runtime.plan.named_plan import NamedPlan


class Engine(SharedParts):
    """Runs the actions of one agent.

    A host gets a :class:`KeyRun` for each key from :meth:`run_for`, and steps one at a time, never
    two from different threads.

    ``executor`` runs asynchronous durable calls; the host creates and stops it. ``metrics`` is the
    group below which the agent's metrics appear, by default one in memory. ``job_id`` scopes
    long-term memory unless the option ``job-identifier`` is set. ``is_done`` decides which async
    calls may be treated as finished: a host that needs the same order in every run, whatever the
    timing, holds back those whose turn has not come. ``now_ms`` is the clock of expiring memory.
    ``store``, already rebuilt, records the result of each action for the next attempt and returns
    the records of the previous one. ``recorded_run`` is the run loop with a store.

    Raises :class:`PlanError` for parts, in Java too, and options that the engine cannot honour.
    """

    recorded_run = RecordedRun

    def __init__(
        self,
        plan: NamedPlan,
        *,
        executor: Executor,
        observers: Sequence[Observer] = (),
        metrics: MemoryMetricGroup | None = None,
        job_id: str = "local",
        is_done: Callable[[Future[Any]], bool] = Future.done,
        now_ms: Callable[[], int] = wall_ms,
        store: ActionStateStore | None = None,
    ) -> None:
        require_executable(plan)
        super().__init__(
            plan,
            executor=executor,
            observers=observers,
            metrics=metrics if metrics is not None else MemoryMetricGroup(),
            job_id=job_id,
            is_done=is_done,
            now_ms=now_ms,
        )
        self._store = store

    def run_for(self, key: Any, state: KeyState, emit: Emit) -> KeyRun:
        """Return the run loop of one key.

        It calls ``emit(value, timestamp)`` for each output, in order. Raises ValueError for a restored state with
        unfinished calls of an action that the plan does not have.
        """
        if state.tasks:
            _require_actions(self.functions, key, state)
        if self.expiry is None:
            state.touched.clear()
        if self._store is not None:
            return self.recorded_run(self, key, state, emit, self._store)
        return KeyRun(self, key, state, emit)


def _require_actions(actions: Collection[str], key: Any, state: KeyState) -> None:
    missing = sorted({task.action for task in state.tasks}.difference(actions))
    if missing:
        raise ValueError(
            f"the restored state of key {key!r} has unfinished calls of {', '.join(missing)}, and the agent has no action of "
            f"that name; it has: {', '.join(actions)}; keep the old name, or take the savepoint while nothing is in flight"
        )
