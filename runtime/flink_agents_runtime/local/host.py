"""Runs an agent plan over a list of inputs in this process: many keys on one thread, async calls in a pool."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from flink_agents.plan.agent_plan import AgentPlan

from flink_agents_runtime.engine.configuration import option
from flink_agents_runtime.engine.engine import Engine, Observer
from flink_agents_runtime.engine.expiry import wall_ms
from flink_agents_runtime.engine.failure import ActionFailure
from flink_agents_runtime.engine.run import KeyRun
from flink_agents_runtime.engine.state import KeyState
from flink_agents_runtime.local.order import Order, Seeded, Turns
from flink_agents_runtime.local.pool import DaemonPool
from flink_agents_runtime.observe.event_log import EventLog
from flink_agents_runtime.observe.metrics import MemoryMetricGroup
from flink_agents_runtime.stores.settings import check_store, open_store
from flink_agents_runtime.stores.store import ActionStateStore

# How long a run past its deadline may take to stop between two steps before it counts as stuck in one.
_GRACE_S = 0.5
_MOST_NAMED = 20
# What json.dumps makes of a text, without its detours.
_quoted = json.encoder.encode_basestring_ascii


class Output(NamedTuple):
    """One output: the key it was made under, and its JSON value."""

    key: Any
    value: Any


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Where a run was when its deadline passed: an action that ran, that awaited a call, or that was next.

    ``action`` is empty where the key's next input had not begun; ``input`` is the JSON value of the run in flight.
    """

    key: Any
    action: str
    input: Any = None

    def __str__(self) -> str:
        what = f"action {self.action!r}" if self.action else "the next input"
        return f"{what} of key {self.key!r}" + (f" with input {json.dumps(self.input)}" if self.action else "")


@dataclass(frozen=True, slots=True)
class LocalResult:
    """What a run came to. ``outputs`` are in the order of emission, as far as the run got.

    ``numbers`` tells of each output the number of the input that led to it, from 0.
    ``failure`` ends a run as it fails a Flink job. ``timed_out_after_s`` is None unless the deadline ended it; then
    ``unfinished`` names what was still to be done, at most 20 of it.
    """

    outputs: tuple[Output, ...]
    numbers: tuple[int, ...]
    failure: ActionFailure | None
    timed_out_after_s: float | None
    unfinished: tuple[Unfinished, ...]
    metrics: Mapping[str, float]
    elapsed_s: float


class LocalHost:
    """Runs one plan.

    ``event_log`` is the event log, or the file for one. ``seed`` draws the interleaving of keys; without it they go by
    turns in the order of their first input. ``now_ms`` is the clock of short-term memory that expires. Raises
    :class:`PlanError` where the plan cannot run here.

    With an action state store (``store``, or the one that the options name) a run replays what an earlier run of the
    same job had completed before it failed or died; a run that comes to its end forgets its records. The job is the
    option ``job-identifier``; without it each run is a job of its own. A store that is given may serve further runs.
    """

    def __init__(
        self,
        plan: AgentPlan,
        *,
        seed: int | None = None,
        event_log: EventLog | Path | str | None = None,
        observers: Sequence[Observer] = (),
        now_ms: Callable[[], int] = wall_ms,
        store: ActionStateStore | None = None,
    ) -> None:
        check_store(plan.config)
        self._now_ms = now_ms
        self._threads: int = option(plan.config, "num-async-threads")
        self._plan = plan
        self._seed = seed
        self._event_log = EventLog(event_log, plan.config) if isinstance(event_log, (Path, str)) else event_log
        self._observers = observers
        self._store = store

    def run(self, inputs: Iterable[Mapping[str, Any]], *, deadline_s: float | None = None) -> LocalResult:
        """Run ``{"key", "value"}`` (or ``{"k", "v"}``) records to their end, the first failure or the deadline.

        A record without a key gets one of its own. With a deadline the loop has a daemon thread: a loop that is stuck in
        an action is left behind. Raises ValueError for a record without a value, TypeError for one that is not JSON.
        """
        started = time.monotonic()
        loop = self._loop(inputs)
        if deadline_s is None:
            loop.run()
        else:
            thread = threading.Thread(target=loop.run, name="agent-loop", daemon=True)
            thread.start()
            thread.join(deadline_s)
            if thread.is_alive():
                loop.stopped = True
                thread.join(_GRACE_S)
        if loop.error is not None:
            raise loop.error
        unfinished = loop.unfinished() if loop.stopped else ()
        emitted = tuple(loop.emitted)
        return LocalResult(
            outputs=tuple(output for _, output in emitted),
            numbers=tuple(number for number, _ in emitted),
            failure=loop.failure,
            timed_out_after_s=deadline_s if unfinished and loop.failure is None else None,
            unfinished=unfinished,
            metrics=loop.metrics.snapshot(),
            elapsed_s=time.monotonic() - started,
        )

    def _loop(self, inputs: Iterable[Mapping[str, Any]]) -> _Loop:
        order = Turns() if self._seed is None else Seeded(self._seed)
        metrics = MemoryMetricGroup()
        observers = [*self._observers, self._event_log] if self._event_log is not None else self._observers
        pool = DaemonPool(self._threads, "agent-async")
        store = self._rebuilt_store()
        engine = Engine(
            self._plan,
            executor=pool,
            observers=observers,
            metrics=metrics,
            is_done=order.is_done,
            now_ms=self._now_ms,
            store=store,
        )
        if self._event_log is not None:
            self._event_log.on_truncated = engine.metrics.event_truncated
        loop = _Loop(engine, pool, self._event_log, order, metrics, store)
        for index, record in enumerate(inputs):
            loop.offer(index, *_key_and_value(index, record))
        return loop

    def _rebuilt_store(self) -> ActionStateStore | None:
        job = option(self._plan.config, "job-identifier") or uuid4().hex
        store = self._store or open_store(self._plan.config, job)
        if store is not None:
            store.rebuild()
        return store


class _Loop:
    """One run of a host. Read by the caller while, or after, it runs on a thread of its own."""

    def __init__(
        self,
        engine: Engine,
        pool: DaemonPool,
        event_log: EventLog | None,
        order: Order,
        metrics: MemoryMetricGroup,
        store: ActionStateStore | None,
    ) -> None:
        self.emitted: list[tuple[int, Output]] = []
        self.failure: ActionFailure | None = None
        self.error: BaseException | None = None
        self.stopped = False
        self.metrics = metrics
        self._engine = engine
        self._pool = pool
        self._event_log = event_log
        self._order = order
        self._store = store
        self._runs: dict[str, KeyRun] = {}

    def offer(self, number: int, key: Any, value: Any) -> None:
        """Queue an input; its number travels with it as a time stamp, as on Flink."""
        # As JSON the keys 1, "1" and true are three keys, and a list can be one.
        identity = _quoted(key) if type(key) is str else json.dumps(key, sort_keys=True, default=str)
        run = self._runs.get(identity)
        if run is None:
            run = self._engine.run_for(key, KeyState(), partial(self._emit, key))
            self._runs[identity] = run
            self._order.add(run)
        run.offer(value, number)

    def _emit(self, key: Any, value: Any, number: int | None) -> None:
        assert number is not None, "every input has one"
        self.emitted.append((number, Output(key, value)))

    def run(self) -> None:
        """Step until nothing is left. Whoever runs the loop closes what it used, be it after the caller has left."""
        try:
            # Asked after each wait: a call may end long after the caller has left.
            while (run := self._order.next()) is not None and not self.stopped:
                self._order.stepped(run, run.step())
            if self._store is not None and not self.stopped:
                self._store.finish()
        except ActionFailure as failure:
            self.failure = failure
        except BaseException as error:
            self.error = error
        finally:
            self._close()

    def unfinished(self) -> tuple[Unfinished, ...]:
        """What is still to be done, the most telling first: what runs, else what is awaited, else what is next."""
        runs = [run for run in self._runs.values() if run.state.busy]
        for run in runs:
            action = run.running_action
            if action is not None:
                return (Unfinished(run.key, action, run.current_input),)
        awaited = [Unfinished(run.key, action, run.current_input) for run in runs for action in run.waiting_on.values()]
        queued = [
            Unfinished(run.key, run.state.tasks[0].action if run.state.tasks else "", run.current_input) for run in runs
        ]
        return tuple((awaited or queued)[:_MOST_NAMED])

    def _close(self) -> None:
        self._pool.shutdown()
        if self._store is not None:
            self._store.close()
        self._engine.close()
        if self._event_log is not None:
            self._event_log.close()


def _key_and_value(index: int, record: Mapping[str, Any]) -> tuple[Any, Any]:
    name = "value" if "value" in record else "v"
    if name not in record:
        raise ValueError(f"input {index} has no 'value' (or 'v'); it has {', '.join(record) or 'nothing'}")
    key_name = "key" if "key" in record else "k"
    key = record[key_name] if key_name in record else str(UUID(int=index))
    return key, record[name]
