"""The keyed operator: one engine a subtask, one key state a key, everything in flight in the checkpoint.

Records are ``(key as JSON, record as JSON)``; results are JSON texts ``{"input", "key", "value"}``. The number of an input
travels through its run as a time stamp. A key whose actions all wait
for asynchronous calls is looked at again by a processing-time timer, while other keys go on; the end of a bounded input
fires an event-time timer that waits for what is left.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any
from uuid import uuid4

from pyflink.common import Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import ValueStateDescriptor

from flink_agents_runtime.engine.configuration import option
from flink_agents_runtime.engine.engine import Engine
from flink_agents_runtime.engine.failure import FAILURE_MARK, ActionFailure
from flink_agents_runtime.engine.plan import load_plan
from flink_agents_runtime.engine.run import KeyRun, Step
from flink_agents_runtime.engine.state import KeyState
from flink_agents_runtime.observe.event_log import event_log
from flink_agents_runtime.on_flink.metrics import FlinkMetricGroup
from flink_agents_runtime.stores.settings import open_store

_END_OF_INPUT_MS = 2**63 - 2
# How soon a waiting key is looked at again. A look costs a timer, so a long wait is looked at less and less often.
_FIRST_LOOK_MS = 2
_LATEST_LOOK_MS = 32


class _Busy:
    """A key with work in flight: its live run, the outputs not yet handed on, the pause before the next look."""

    def __init__(self, engine: Engine, key: str, state: KeyState, told: Callable[[Any, Any, int | None], Any]) -> None:
        self.outputs: list[Any] = []
        self.look_ms = _FIRST_LOOK_MS
        business_key = json.loads(key)
        self.run: KeyRun = engine.run_for(
            business_key,
            state,
            lambda value, mark: self.outputs.append(told(business_key, value, mark)),
        )


class AgentOperator(KeyedProcessFunction):
    """Runs an agent plan (JSON text) for each key. ``job_name`` names the event log's files.

    With an action state store, what was recorded since the checkpoint is replayed, also where there was none yet. The
    records are those of the option ``job-identifier``; without it those of this operator, made anew for each submission.
    """

    def __init__(self, plan_json: str, job_name: str) -> None:
        self._plan_json = plan_json
        self._job_name = job_name
        self._submission = uuid4().hex

    def open(self, runtime_context: RuntimeContext) -> None:
        """Read the plan, open the engine. Called once a subtask, also after a restart."""
        plan = load_plan(self._plan_json)
        self._executor = ThreadPoolExecutor(option(plan.config, "num-async-threads"), thread_name_prefix="agent-async")
        # A random name, since PyFlink's thread mode cannot tell the subtask's index: its get_index_of_this_subtask calls
        # a method that Flink 2 no longer has (seen on 2.2.1). So there is one file for each subtask and attempt.
        self._log = event_log(plan.config, f"{self._job_name}-{secrets.token_hex(4)}")
        self._store = open_store(plan.config, option(plan.config, "job-identifier") or self._submission)
        if self._store is not None:
            self._store.rebuild()
        # Keys with records whose checkpointed state has not been looked at in this attempt.
        self._unseen = set(self._store.left_keys()) if self._store is not None else set()
        self._engine = Engine(
            plan,
            executor=self._executor,
            observers=[self._log] if self._log else [],
            metrics=FlinkMetricGroup(runtime_context.get_metrics_group),
            store=self._store,
        )
        if self._log is not None:
            self._log.on_truncated = self._engine.metrics.event_truncated
        self._state = runtime_context.get_state(ValueStateDescriptor("agent-key-state", Types.PICKLED_BYTE_ARRAY()))
        self._busy: dict[str, _Busy] = {}

    def process_element(self, value: Any, ctx: KeyedProcessFunction.Context) -> Iterator[Any]:
        """Take one input of the current key, and run the key as far as it gets."""
        key, record = value
        busy = self._busy_key(key)
        fields = json.loads(record)
        busy.run.offer(fields["value"], fields["input"])
        yield from self._go_on(key, busy, ctx)

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Any]:
        """Go on with a key that waited. After the end of the input this is called until the key is done.

        Waiting here is short, and comes back by way of the timer: in between, Flink sees whether the job is cancelled.
        """
        key = self._key_text(ctx.get_current_key())
        busy = self._busy_key(key)
        if self._engine.expiry is not None and not busy.run.state.busy:
            self._engine.expiry.sweep(busy.run.state)
        if timestamp == _END_OF_INPUT_MS:
            wait(busy.run.waiting_on, timeout=_LATEST_LOOK_MS / 1000, return_when=FIRST_COMPLETED)
        yield from self._go_on(key, busy, ctx)

    def _key_text(self, key: Any) -> str:
        """The key's JSON text, from the key as Flink has it."""
        return str(key)

    def _told(self, key: Any, value: Any, mark: int | None) -> Any:
        """What goes on for an output. ``mark`` is what came with its input: here the input's number."""
        return json.dumps({"input": mark, "key": key, "value": value})

    def _busy_key(self, key: str) -> _Busy:
        """The key's live run; after a restart it begins again from the checkpointed state."""
        busy = self._busy.get(key)
        if busy is None:
            snapshot = self._state.value()
            state = KeyState.restore(snapshot) if snapshot is not None else KeyState()
            if self._store is not None and key in self._unseen:
                # PyFlink does not tell a function of completed checkpoints; what is restored is from one.
                self._unseen.remove(key)
                self._store.prune(key, state.ended_sequence)
            busy = self._busy[key] = _Busy(self._engine, key, state, self._told)
        return busy

    def _go_on(self, key: str, busy: _Busy, ctx: KeyedProcessFunction.Context) -> Iterator[Any]:
        step = _run_as_far_as_it_gets(busy.run)
        self._state.update(busy.run.state.snapshot())
        if step is Step.WAITING:
            timers = ctx.timer_service()
            timers.register_processing_time_timer(timers.current_processing_time() + busy.look_ms)
            timers.register_event_time_timer(_END_OF_INPUT_MS)
            busy.look_ms = min(2 * busy.look_ms, _LATEST_LOOK_MS)
        else:
            del self._busy[key]
            self._look_after_memory(busy.run.state, ctx)
        outputs, busy.outputs[:] = list(busy.outputs), []
        yield from outputs

    def _look_after_memory(self, state: KeyState, ctx: KeyedProcessFunction.Context) -> None:
        """Have a timer remove what expires of a key that no input may ever come for again."""
        sweep_ms = self._engine.expiry.next_sweep_ms(state) if self._engine.expiry else None
        if sweep_ms is not None:
            ctx.timer_service().register_processing_time_timer(sweep_ms)

    def close(self) -> None:
        """Give up what is in flight (the checkpoint has it) and close the resources."""
        for busy in self._busy.values():
            busy.run.close()
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._engine.close()
        if self._store is not None:
            self._store.close()
        if self._log:
            self._log.close()


def _run_as_far_as_it_gets(run: KeyRun) -> Step:
    """Step until the key is idle or waits. A failure of an action fails the job, and says in one line which and why."""
    try:
        while (step := run.step()) is Step.PROGRESSED:
            pass
    except ActionFailure as failure:
        raise RuntimeError(f"{failure}\n{FAILURE_MARK}{json.dumps(failure.as_json())}") from failure.original
    return step
