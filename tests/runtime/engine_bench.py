"""A bench for one key: an engine over an executor that runs nothing until it is told to."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from typing import Any

import runtime_agents

from flink_agents_runtime.engine.engine import Engine
from flink_agents_runtime.engine.run import KeyRun, Step
from flink_agents_runtime.engine.state import KeyState
from flink_agents_runtime.plan.build import build_plan


class ManualExecutor(Executor):
    """Keeps what is submitted until :meth:`run_next`."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Future[Any], Any]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.jobs.append((future, lambda: fn(*args, **kwargs)))
        return future

    def run_next(self, index: int = 0) -> None:
        future, call = self.jobs.pop(index)
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)


class Events:
    """An observer that keeps (key, type)."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, str]] = []

    def event_processed(self, key: Any, event_type: str, event: str) -> None:
        self.seen.append((key, event_type))


class Bench:
    """One key "k" of one agent. ``outputs`` holds values, ``timestamps`` their time stamps; ``now_ms`` is its clock."""

    def __init__(self, agent: str, state: KeyState | None = None, **config: Any) -> None:
        self.now_ms = 1000
        runtime_agents.TRACE.clear()
        self.executor = ManualExecutor()
        self.events = Events()
        self.outputs: list[Any] = []
        self.timestamps: list[int | None] = []
        plan = build_plan({"agent": f"runtime_agents:{agent}"}, config=config)
        self.engine = Engine(plan, executor=self.executor, observers=[self.events], now_ms=lambda: self.now_ms)
        self.run: KeyRun = self.engine.run_for("k", state or KeyState(), self._emit)

    def _emit(self, value: Any, timestamp: int | None) -> None:
        self.outputs.append(value)
        self.timestamps.append(timestamp)

    def settle(self, *values: Any) -> Step:
        """Offer values, then step as far as it goes."""
        for value in values:
            self.run.offer(value)
        while (step := self.run.step()) is Step.PROGRESSED:
            pass
        return step

    def restored(self, agent: str) -> Bench:
        """What a restart makes of this key: another bench over the snapshot."""
        return Bench(agent, KeyState.restore(self.run.state.snapshot()))
