"""Run an agent plan over inputs in this process.

All keys share one thread; asynchronous calls run in a pool.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from flink_agents_runtime.config.configuration import option
from flink_agents_runtime.engine.action_store import ActionStateStore
from flink_agents_runtime.engine.engine import Engine
from flink_agents_runtime.engine.expiry import wall_ms
from flink_agents_runtime.engine.failure import ActionFailure
from flink_agents_runtime.engine.metrics import MemoryMetricGroup
from flink_agents_runtime.engine.plain_events import quick_events
from flink_agents_runtime.engine.shared import Observer
from flink_agents_runtime.local.activity import WatchedEngine
from flink_agents_runtime.local.collector import raised_gc_threshold
from flink_agents_runtime.local.handover import Handover, Stop
from flink_agents_runtime.local.held_inputs import HeldInputs
from flink_agents_runtime.local.loop import Loop, Output
from flink_agents_runtime.local.order import Seeded, Turns
from flink_agents_runtime.local.pool import DaemonPool
from flink_agents_runtime.local.progress import Progress
from flink_agents_runtime.local.unfinished import Unfinished
from flink_agents_runtime.observe.event_log import EventLog
from flink_agents_runtime.observe.logs import Logs
from flink_agents_runtime.observe.outgoing_calls import carry_causes
from flink_agents_runtime.plan.named_plan import NamedPlan
from flink_agents_runtime.stores.settings import check_store, open_store

# After its deadline a run may take this long to finish its step; then it counts as stuck in it.
_GRACE_S = 0.5
# The default for the number of inputs in flight.
WINDOW = 1024


@dataclass(frozen=True, slots=True)
class LocalResult:
    """The result of a run.

    ``outputs`` are in the order of emission, and empty if ``on_output`` received them; ``numbers``
    holds, per output, the number (from 0) of the input behind it. ``failure`` is the action failure
    that ended the run, as it would fail a Flink job. ``timed_out_after_s`` is set if the deadline
    ended the run; then ``unfinished`` names up to 20 pieces of unfinished work. ``memory`` has the
    keys with short-term memory at the end of a run that reached it, with its values by dotted path. ``restored``
    counts the states that the run began with, ``handover`` is
    what the next version of the agent begins with, None unless the run has stopped for it.
    """

    outputs: tuple[Output, ...]
    numbers: tuple[int, ...]
    failure: ActionFailure | None
    timed_out_after_s: float | None
    unfinished: tuple[Unfinished, ...]
    metrics: Mapping[str, float]
    elapsed_s: float
    memory: tuple[tuple[Any, Mapping[str, Any]], ...] = ()
    restored: int = 0
    handover: Handover | None = None


class LocalHost:
    """Runs one plan.

    ``event_log`` is an event log or the file for one. ``seed`` draws the interleaving of keys;
    without it keys take turns in the order of their first input. At most ``window`` inputs are in
    flight, and only their keys interleave. ``now_ms`` is the clock for expiring short-term memory.
    Raises :class:`PlanError` if the plan cannot run here.

    With an action state store (``store``, or the one that the options name) a run replays the
    actions that an earlier run of the same job completed before it failed or died; a run that
    reaches its end removes its records. The option ``job-identifier`` identifies the job; without
    it each run is a separate job. A store passed as an argument may serve further runs. It holds
    the records of all inputs until the run has ended, because the next attempt starts over.
    """

    def __init__(
        self,
        plan: NamedPlan,
        *,
        seed: int | None = None,
        event_log: Logs | Path | str | None = None,
        observers: Sequence[Observer] = (),
        now_ms: Callable[[], int] = wall_ms,
        store: ActionStateStore | None = None,
        window: int = WINDOW,
    ) -> None:
        if window < 1:
            raise ValueError(f"window must be at least 1, got {window}")
        check_store(plan.config)
        self._window = window
        self._now_ms = now_ms
        self._threads: int = option(plan.config, "num-async-threads")
        self._plan = plan
        self._seed = seed
        self._logs = Logs([EventLog(event_log, plan.config)]) if isinstance(event_log, (Path, str)) else event_log
        self._observers = observers
        self._store = store

    def run(
        self,
        inputs: Iterable[Mapping[str, Any]],
        *,
        deadline_s: float | None = None,
        on_output: Callable[[Output], None] | None = None,
        progress: Callable[[str], None] | None = None,
        held: HeldInputs | None = None,
        handover: Handover | None = None,
        stop: Stop | None = None,
    ) -> LocalResult:
        """Run the inputs to their end, the first failure or the deadline.

        ``inputs`` is any iterable of ``{"key", "value"}`` (or ``{"k", "v"}``) records, read on demand;
        a record without a key gets a unique one. ``on_output`` gets each output when it is emitted,
        and the result then has none; an exception in it fails the emitting action. ``progress`` gets
        a line now and then if the run takes long. ``held`` are those of the inputs that wait for outputs;
        they need the outputs of the result, so not ``on_output``.
        The run begins with ``handover``, the states that an earlier version of the agent left, and then
        ``inputs`` are those that it has not read; with ``stop`` it stops after that many outputs for a
        later version. With a deadline the loop runs on a daemon thread, so that a loop stuck in an action can
        be abandoned. Raises ValueError for a record without a value, TypeError for one that is not JSON,
        PlanError for a state that the agent cannot go on with, and any exception of the iterable.
        """
        started = time.monotonic()
        metrics = MemoryMetricGroup()
        loop = self._loop(inputs, on_output, metrics, held, handover, stop)
        total = len(inputs) if isinstance(inputs, Sized) else None
        with (
            raised_gc_threshold(),
            quick_events(),
            Progress(loop, total, progress) if progress is not None else nullcontext(),
        ):
            if deadline_s is None:
                loop.run()
            else:
                _run_on_a_thread(loop, deadline_s)
        if loop.error is not None:
            raise loop.error
        unfinished = loop.unfinished() if loop.stopped else ()
        return LocalResult(
            outputs=tuple(loop.outputs),
            numbers=tuple(loop.numbers),
            failure=loop.failure,
            timed_out_after_s=deadline_s if unfinished and loop.failure is None else None,
            unfinished=unfinished,
            metrics=metrics.snapshot(),
            elapsed_s=time.monotonic() - started,
            memory=() if loop.stopped or loop.failure is not None else loop.memory(),
            restored=loop.restored,
            handover=loop.handover() if loop.handed_over else None,
        )

    def _loop(
        self,
        inputs: Iterable[Mapping[str, Any]],
        on_output: Callable[[Output], None] | None,
        metrics: MemoryMetricGroup,
        held: HeldInputs | None,
        handover: Handover | None,
        stop: Stop | None,
    ) -> Loop:
        order = Turns() if self._seed is None else Seeded(self._seed)
        carry_causes()
        logs = self._logs
        pool = DaemonPool(self._threads, "agent-async")
        store = self._rebuilt_store()
        # In a worker's child only: elsewhere notes of the steps would have no reader.
        engine_class = Engine if WatchedEngine.activity is None else WatchedEngine
        engine = engine_class(
            self._plan,
            executor=pool,
            observers=[*self._observers, logs] if logs else self._observers,
            metrics=metrics,
            is_done=order.is_done,
            now_ms=self._now_ms,
            store=store,
        )
        if logs is not None:
            logs.count_truncated(engine.metrics.event_truncated)

        def close() -> None:
            pool.shutdown()
            if store is not None:
                store.close()
            engine.close()
            if logs is not None:
                logs.close()

        return Loop(
            engine,
            order,
            inputs,
            window=self._window,
            on_output=on_output,
            store=store,
            close=close,
            held=held,
            handover=handover,
            stop=stop,
        )

    def _rebuilt_store(self) -> ActionStateStore | None:
        job = option(self._plan.config, "job-identifier") or uuid4().hex
        store = self._store or open_store(self._plan.config, job)
        if store is not None:
            store.rebuild()
        return store


def _run_on_a_thread(loop: Loop, deadline_s: float) -> None:
    thread = threading.Thread(target=loop.run, name="agent-loop", daemon=True)
    thread.start()
    thread.join(deadline_s)
    if thread.is_alive():
        loop.stopped = True
        thread.join(_GRACE_S)
