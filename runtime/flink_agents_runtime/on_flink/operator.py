"""The keyed operator: one engine per subtask, and one checkpointed state per key.

Inputs and outputs are JSON texts ``{"input", "key", "value"}``. The number of an input travels
through its run as a time stamp. If all actions of a key wait for asynchronous calls, a
processing-time timer polls the key while other keys go on. At the end of a bounded input Flink
fires every event-time timer, and the operator waits in those for the remaining calls. Flink stamps
the outputs of a timer with the timer's time. At the end of the input, waiting therefore happens in
timers of very late times, which emit nothing, and each run continues in a timer of its input's own
time stamp.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

from flink_agents.plan.configuration import AgentConfiguration
from pyflink.common import Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import ValueStateDescriptor

from flink_agents_runtime.config.configuration import option
from flink_agents_runtime.engine.action_store import ActionStateStore
from flink_agents_runtime.engine.engine import Engine
from flink_agents_runtime.engine.plain_events import quick_events
from flink_agents_runtime.engine.run import Step
from flink_agents_runtime.engine.state import KeyState
from flink_agents_runtime.observe.logs import logs_of
from flink_agents_runtime.observe.memory_file import MemoryFile
from flink_agents_runtime.observe.metrics_file import MetricsFile
from flink_agents_runtime.observe.outgoing_calls import carry_causes
from flink_agents_runtime.on_flink.live_key import FIRST_POLL_MS, MAX_POLL_MS, LiveKey, run_until_blocked
from flink_agents_runtime.on_flink.metrics import FlinkMetricGroup
from flink_agents_runtime.plan.build import load_plan
from flink_agents_runtime.plan.named_plan import NamedPlan
from flink_agents_runtime.stores.settings import open_store

# The state of a key is found by this name in a savepoint.
STATE_NAME = "agent-key-state"
# Event-time timers from here on belong to the end of the input: later times are later turns, so that keys take turns.
# They emit nothing, because brokers refuse records with such time stamps.
_END_OF_INPUT_MS = 2**63 - 2**40
# The maximum age of the metrics that Flink shows. Flushing each change would cost a call into the JVM each time.
_METRICS_MS = 250
# The LRU cache of idle keys is limited by the size of their snapshots and an overhead per key.
_CACHE_BYTES = 16 * 1024 * 1024
_OVERHEAD_BYTES = 1024

# Created once: json.dumps creates an encoder for each call with sort_keys.
key_text: Callable[[Any], str] = json.JSONEncoder(sort_keys=True).encode


class AgentOperator(KeyedProcessFunction):
    """Runs an agent plan (JSON text) for each key.

    ``job_name`` is part of the names of event log files. With an action state store, actions
    recorded since the last checkpoint are replayed after a restart, also if there was no checkpoint
    yet. The option ``job-identifier`` identifies the records; without it they belong to this
    submission of the operator. ``environment`` are environment variables of the agent's process,
    which must not be shared with other jobs. With ``reports_memory`` each change of a key's memory is
    in a file beside the event log.
    """

    # A long run returns to Flink after this time and goes on in a timer: Flink can then cancel the job.
    slice_s = 1.0

    def __init__(
        self,
        plan_json: str,
        job_name: str,
        environment: Mapping[str, str] | None = None,
        *,
        reports_memory: bool = False,
    ) -> None:
        self._plan_json = plan_json
        self._reports_memory = reports_memory
        self._job_name = job_name
        self._environment = dict(environment or {})
        self._submission = uuid4().hex

    def open(self, runtime_context: RuntimeContext) -> None:
        """Load the plan and open the engine, once per subtask and attempt."""
        # Before the agent's modules are imported, which may read them.
        os.environ.update(self._environment)
        plan = load_plan(self._plan_json)
        self._executor = ThreadPoolExecutor(option(plan.config, "num-async-threads"), thread_name_prefix="agent-async")
        # A random name, because the subtask's index is unavailable in thread mode: PyFlink's get_index_of_this_subtask
        # calls a method that Flink 2 removed (seen on 2.2.1). Each subtask and attempt writes its own file.
        name = f"{self._job_name}-{secrets.token_hex(4)}"
        self._logs = logs_of(plan.config, name, plan.agent_name)
        self._last_metrics = MetricsFile(plan.config, name)
        self._memory = MemoryFile(plan.config, name) if self._reports_memory else None
        self._store = self._open_store(plan.config)
        if self._store is not None:
            self._store.rebuild()
        # Keys with records whose checkpointed state has not been read in this attempt.
        self._unseen = set(self._store.left_keys()) if self._store is not None else set()
        carry_causes()
        self._quick = ExitStack()
        self._quick.enter_context(quick_events())
        self._metrics = FlinkMetricGroup(runtime_context.get_metrics_group)
        self._engine = self._open_engine(plan)
        self._logs.count_truncated(self._engine.metrics.event_truncated)
        self._state = runtime_context.get_state(ValueStateDescriptor(STATE_NAME, Types.PICKLED_BYTE_ARRAY()))
        self._busy: dict[str, LiveKey] = {}
        # The most recently used key is last.
        self._idle: dict[str, LiveKey] = {}
        self._idle_bytes = 0
        self._metrics_due_s: float | None = None
        self._at_end = False
        self._turns_at_end = 0

    def _open_store(self, config: AgentConfiguration) -> ActionStateStore | None:
        return open_store(config, option(config, "job-identifier") or self._submission)

    def _open_engine(self, plan: NamedPlan) -> Engine:
        observers = [self._logs] if self._logs else []
        return Engine(plan, executor=self._executor, observers=observers, metrics=self._metrics, store=self._store)

    def process_element(self, value: Any, ctx: KeyedProcessFunction.Context) -> Iterable[Any]:
        """Take one input and run its key as far as possible."""
        fields = json.loads(value)
        return self._process(key_text(fields["key"]), fields["value"], fields["input"], ctx)

    def _process(self, key: str, value: Any, timestamp: int | None, ctx: KeyedProcessFunction.Context) -> Iterable[Any]:
        live = self._live_key(key)
        live.run.offer(value, timestamp)
        outputs = self._continue(key, live, ctx)
        if self._metrics_due_s is None:
            self._flush_metrics_later(ctx)
        return outputs

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterable[Any]:
        """Continue a waiting key; at the end of the input, until idle.

        Each wait is short and continues in another timer, so that Flink can cancel the job in between.
        """
        if self._metrics_due_s is not None and time.monotonic() >= self._metrics_due_s:
            self._metrics_due_s = None
            if self._metrics.flush() or self._busy:
                self._flush_metrics_later(ctx)
        key = self._key_text(ctx.get_current_key())
        live = self._live_key(key)
        if self._engine.expiry is not None and not live.run.state.busy:
            self._engine.expiry.sweep(live.run.state)
        if timestamp >= _END_OF_INPUT_MS:
            self._at_end = True
            if live.run.state.busy:
                wait(live.run.waiting_on, timeout=MAX_POLL_MS / 1000, return_when=FIRST_COMPLETED)
                self._continue_at_its_time(live, ctx)
                return ()
        return self._continue(key, live, ctx)

    def _flush_metrics_later(self, ctx: KeyedProcessFunction.Context) -> None:
        """Schedule a flush in a timer of the current key.

        Any key will do: the timer only has to fire when no further input arrives.
        """
        self._metrics_due_s = time.monotonic() + _METRICS_MS / 1000
        timers = ctx.timer_service()
        timers.register_processing_time_timer(timers.current_processing_time() + _METRICS_MS)

    def _key_text(self, key: Any) -> str:
        """Return the JSON text of a key in Flink's form."""
        return str(key)

    def _record(self, key: Any, value: Any, timestamp: int | None) -> Any:
        """Return the record of an output; ``timestamp`` is its input's number."""
        return json.dumps({"input": timestamp, "key": key, "value": value})

    def _live_key(self, key: str) -> LiveKey:
        """Return the key's live run, restored unless it is busy or cached."""
        live = self._busy.get(key)
        if live is not None:
            return live
        live = self._idle.pop(key, None)
        if live is not None:
            self._idle_bytes -= live.stored + _OVERHEAD_BYTES
        else:
            snapshot = self._state.value()
            state = KeyState.restore(snapshot) if snapshot is not None else KeyState()
            if self._store is not None and key in self._unseen:
                # PyFlink does not notify functions of completed checkpoints. A restored state is from one.
                self._unseen.remove(key)
                self._store.prune(key, state.ended_sequence)
            live = LiveKey(self._engine, key, state, len(snapshot or b""), self._record)
        self._busy[key] = live
        return live

    def _continue(self, key: str, live: LiveKey, ctx: KeyedProcessFunction.Context) -> Sequence[Any]:
        step = run_until_blocked(live.run, self._stamp if self._at_end else _any_stamp, self.slice_s)
        self._keep(live)
        if step is Step.IDLE:
            self._cache(key, live)
            self._sweep_later(live.run.state, ctx)
        elif step is Step.PROGRESSED and self._at_end:
            self._continue_at_its_time(live, ctx)
        else:
            self._poll_later(live, ctx)
        outputs, live.outputs = live.outputs, []
        return outputs

    def _poll_later(self, live: LiveKey, ctx: KeyedProcessFunction.Context) -> None:
        """Schedule the next poll of a waiting key, or the next slice of a long run.

        At the end of the input each poll gets a later time than all before: timers of equal times
        fire in no particular order, and two keys could starve the others.
        """
        timers = ctx.timer_service()
        if self._at_end:
            self._turns_at_end += 1
            timers.register_event_time_timer(_END_OF_INPUT_MS + self._turns_at_end)
            return
        timers.register_processing_time_timer(timers.current_processing_time() + live.poll_ms)
        timers.register_event_time_timer(_END_OF_INPUT_MS)
        live.poll_ms = min(2 * live.poll_ms, MAX_POLL_MS)

    def _continue_at_its_time(self, live: LiveKey, ctx: KeyedProcessFunction.Context) -> None:
        """Continue the key in a timer at its next outputs' time stamp."""
        timers = ctx.timer_service()
        stamp = self._stamp(live.run.state)
        stamp = timers.current_processing_time() if stamp is None else stamp
        timers.register_event_time_timer(min(stamp, _END_OF_INPUT_MS - 1))

    def _stamp(self, state: KeyState) -> int | None:
        """Return the time stamp (ms) of the next outputs, or None."""
        # Readers of this operator's sinks ignore time stamps.
        return _any_stamp(state)

    def _keep(self, live: LiveKey) -> None:
        """Update Flink's state of the key.

        A key that holds nothing but the number of its inputs is cleared, unless a store needs that number.
        """
        state = live.run.state
        if self._memory is not None:
            self._memory.write(live.run.key, state.short_term_values)
        if self._store is None and state.holds_nothing:
            if live.stored:
                self._state.clear()
                live.stored = 0
            return
        snapshot = state.snapshot()
        live.stored = len(snapshot)
        self._state.update(snapshot)

    def _cache(self, key: str, live: LiveKey) -> None:
        """Cache an idle key, and evict the least recently used ones."""
        del self._busy[key]
        live.poll_ms = FIRST_POLL_MS
        self._idle[key] = live
        self._idle_bytes += live.stored + _OVERHEAD_BYTES
        while self._idle_bytes > _CACHE_BYTES:
            oldest = self._idle.pop(next(iter(self._idle)))
            self._idle_bytes -= oldest.stored + _OVERHEAD_BYTES

    def _sweep_later(self, state: KeyState, ctx: KeyedProcessFunction.Context) -> None:
        """Schedule the removal of expired memory, as no input may follow."""
        sweep_ms = self._engine.expiry.next_sweep_ms(state) if self._engine.expiry else None
        if sweep_ms is not None:
            ctx.timer_service().register_processing_time_timer(sweep_ms)

    def close(self) -> None:
        """Abandon work in flight, which the checkpoint holds, and close the resources."""
        for live in self._busy.values():
            live.run.close()
        self._quick.close()
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._metrics.flush()
        self._last_metrics.write(self._metrics.snapshot())
        if self._memory is not None:
            self._memory.close()
        self._engine.close()
        if self._store is not None:
            self._store.close()
        self._logs.close()


def _any_stamp(state: KeyState) -> int | None:
    return None
