"""The keyed operator: one engine a subtask, one key state a key, everything in flight in the checkpoint.

Records and results are JSON texts ``{"input", "key", "value"}``. The number of an input travels through its run as a time
stamp. A key whose actions all wait for asynchronous calls is looked at again by a processing-time timer, while other keys
go on; the end of a bounded input fires an event-time timer that waits for what is left. What a timer's call emits gets
the timer's time for a time stamp: so at the end, waiting is done by timers of late times, and each run goes on in one of
its input's own time.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any
from uuid import uuid4

from pyflink.common import Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import ValueStateDescriptor

from flink_agents_runtime.config.configuration import option
from flink_agents_runtime.engine.engine import Engine
from flink_agents_runtime.engine.failure import FAILURE_MARK, ActionFailure
from flink_agents_runtime.engine.run import KeyRun, Step
from flink_agents_runtime.engine.state import KeyState
from flink_agents_runtime.observe.event_log import event_log
from flink_agents_runtime.on_flink.metrics import FlinkMetricGroup
from flink_agents_runtime.plan.build import load_plan
from flink_agents_runtime.stores.settings import open_store

# From here on event-time timers are those of the end of the input: later ones for later turns, so that keys take turns.
# Nothing is emitted in them: a broker refuses such a time stamp.
_END_OF_INPUT_MS = 2**63 - 2**40
# How soon a waiting key is looked at again. A look costs a timer, so a long wait is looked at less and less often.
_FIRST_LOOK_MS = 2
_LATEST_LOOK_MS = 32
# How old what Flink shows of the metrics may be: telling it each change costs a call into the JVM.
_METRICS_MS = 250
# The idle keys that are kept at hand, by what their states take in the checkpoint and an allowance for each.
_AT_HAND_BYTES = 16 * 1024 * 1024
_ALLOWANCE_BYTES = 1024

# Made once: json.dumps makes one for each call that wants keys sorted.
key_text: Callable[[Any], str] = json.JSONEncoder(sort_keys=True).encode


class _LiveKey:
    """A key in work or at hand: its run, the outputs not yet handed on, the pause before the next look.

    ``stored`` is the size of what Flink holds of it, 0 for nothing.
    """

    def __init__(
        self, engine: Engine, key: str, state: KeyState, stored: int, told: Callable[[Any, Any, int | None], Any]
    ) -> None:
        self.outputs: list[Any] = []
        self.look_ms = _FIRST_LOOK_MS
        self.stored = stored
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
        self._metrics = FlinkMetricGroup(runtime_context.get_metrics_group)
        self._engine = Engine(
            plan,
            executor=self._executor,
            observers=[self._log] if self._log else [],
            metrics=self._metrics,
            store=self._store,
        )
        if self._log is not None:
            self._log.on_truncated = self._engine.metrics.event_truncated
        self._state = runtime_context.get_state(ValueStateDescriptor("agent-key-state", Types.PICKLED_BYTE_ARRAY()))
        self._busy: dict[str, _LiveKey] = {}
        # The one that was used last is at the end.
        self._idle: dict[str, _LiveKey] = {}
        self._idle_bytes = 0
        self._metrics_due_s: float | None = None
        self._at_end = False
        self._turns_at_end = 0

    def process_element(self, value: Any, ctx: KeyedProcessFunction.Context) -> Iterable[Any]:
        """Take one input of the current key, and run the key as far as it gets."""
        fields = json.loads(value)
        return self._process(key_text(fields["key"]), fields["value"], fields["input"], ctx)

    def _process(self, key: str, value: Any, mark: int | None, ctx: KeyedProcessFunction.Context) -> Iterable[Any]:
        live = self._live_key(key)
        live.run.offer(value, mark)
        outputs = self._go_on(key, live, ctx)
        if self._metrics_due_s is None:
            self._tell_metrics_later(ctx)
        return outputs

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterable[Any]:
        """Go on with a key that waited. After the end of the input this is called until the key is done.

        Waiting here is short, and comes back by way of the timer: in between, Flink sees whether the job is cancelled.
        """
        if self._metrics_due_s is not None and time.monotonic() >= self._metrics_due_s:
            self._metrics_due_s = None
            if self._metrics.tell_flink() or self._busy:
                self._tell_metrics_later(ctx)
        key = self._key_text(ctx.get_current_key())
        live = self._live_key(key)
        if self._engine.expiry is not None and not live.run.state.busy:
            self._engine.expiry.sweep(live.run.state)
        if timestamp >= _END_OF_INPUT_MS:
            self._at_end = True
            if live.run.state.busy:
                wait(live.run.waiting_on, timeout=_LATEST_LOOK_MS / 1000, return_when=FIRST_COMPLETED)
                self._go_on_in_its_time(live, ctx)
                return ()
        return self._go_on(key, live, ctx)

    def _tell_metrics_later(self, ctx: KeyedProcessFunction.Context) -> None:
        """By a timer of whichever key is current: what counts is that it comes, also when no input does any more."""
        self._metrics_due_s = time.monotonic() + _METRICS_MS / 1000
        timers = ctx.timer_service()
        timers.register_processing_time_timer(timers.current_processing_time() + _METRICS_MS)

    def _key_text(self, key: Any) -> str:
        """The key's JSON text, from the key as Flink has it."""
        return str(key)

    def _told(self, key: Any, value: Any, mark: int | None) -> Any:
        """What goes on for an output. ``mark`` is what came with its input: here the input's number."""
        return json.dumps({"input": mark, "key": key, "value": value})

    def _live_key(self, key: str) -> _LiveKey:
        """The key's live run; where it is not at hand, and after a restart, it begins from the state that Flink holds."""
        live = self._busy.get(key)
        if live is not None:
            return live
        live = self._idle.pop(key, None)
        if live is not None:
            self._idle_bytes -= live.stored + _ALLOWANCE_BYTES
        else:
            snapshot = self._state.value()
            state = KeyState.restore(snapshot) if snapshot is not None else KeyState()
            if self._store is not None and key in self._unseen:
                # PyFlink does not tell a function of completed checkpoints; what is restored is from one.
                self._unseen.remove(key)
                self._store.prune(key, state.ended_sequence)
            live = _LiveKey(self._engine, key, state, len(snapshot or b""), self._told)
        self._busy[key] = live
        return live

    def _go_on(self, key: str, live: _LiveKey, ctx: KeyedProcessFunction.Context) -> Sequence[Any]:
        step = _run_as_far_as_it_gets(live.run, self._stamp if self._at_end else _any_stamp)
        self._keep(live)
        if step is Step.WAITING:
            self._look_again(live, ctx)
        elif step is Step.PROGRESSED:
            self._go_on_in_its_time(live, ctx)
        else:
            self._lay_aside(key, live)
            self._look_after_memory(live.run.state, ctx)
        outputs, live.outputs = live.outputs, []
        return outputs

    def _look_again(self, live: _LiveKey, ctx: KeyedProcessFunction.Context) -> None:
        """Have a timer look at a waiting key. Timers of one time come in no order, and two keys could take all the turns."""
        timers = ctx.timer_service()
        if self._at_end:
            self._turns_at_end += 1
            timers.register_event_time_timer(_END_OF_INPUT_MS + self._turns_at_end)
            return
        timers.register_processing_time_timer(timers.current_processing_time() + live.look_ms)
        timers.register_event_time_timer(_END_OF_INPUT_MS)
        live.look_ms = min(2 * live.look_ms, _LATEST_LOOK_MS)

    def _go_on_in_its_time(self, live: _LiveKey, ctx: KeyedProcessFunction.Context) -> None:
        """At the end of the input, when every timer is due: by one whose time is the stamp of what will be emitted."""
        timers = ctx.timer_service()
        stamp = self._stamp(live.run.state)
        stamp = timers.current_processing_time() if stamp is None else stamp
        timers.register_event_time_timer(min(stamp, _END_OF_INPUT_MS - 1))

    def _stamp(self, state: KeyState) -> int | None:
        """The time stamp (ms) for what the key's next step emits, None where any will do: here the sinks' readers need none."""
        return _any_stamp(state)

    def _keep(self, live: _LiveKey) -> None:
        """Hand Flink what a checkpoint needs of the key. The number of its inputs alone matters to a store only."""
        state = live.run.state
        if self._store is None and state.holds_nothing:
            if live.stored:
                self._state.clear()
                live.stored = 0
            return
        snapshot = state.snapshot()
        live.stored = len(snapshot)
        self._state.update(snapshot)

    def _lay_aside(self, key: str, live: _LiveKey) -> None:
        """Keep an idle key at hand for its next input, and let go of those that were not used for longest."""
        del self._busy[key]
        live.look_ms = _FIRST_LOOK_MS
        self._idle[key] = live
        self._idle_bytes += live.stored + _ALLOWANCE_BYTES
        while self._idle_bytes > _AT_HAND_BYTES:
            oldest = self._idle.pop(next(iter(self._idle)))
            self._idle_bytes -= oldest.stored + _ALLOWANCE_BYTES

    def _look_after_memory(self, state: KeyState, ctx: KeyedProcessFunction.Context) -> None:
        """Have a timer remove what expires of a key that no input may ever come for again."""
        sweep_ms = self._engine.expiry.next_sweep_ms(state) if self._engine.expiry else None
        if sweep_ms is not None:
            ctx.timer_service().register_processing_time_timer(sweep_ms)

    def close(self) -> None:
        """Give up what is in flight (the checkpoint has it) and close the resources."""
        for live in self._busy.values():
            live.run.close()
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._metrics.tell_flink()
        self._engine.close()
        if self._store is not None:
            self._store.close()
        if self._log:
            self._log.close()


def _any_stamp(state: KeyState) -> int | None:
    return None


def _run_as_far_as_it_gets(run: KeyRun, stamp_of: Callable[[KeyState], int | None]) -> Step:
    """Step until the key is idle, waits, or gets to an input of another stamp.

    A failure of an action fails the job, and says in one line which and why.
    """
    stamp = stamp_of(run.state)
    try:
        while (step := run.step()) is Step.PROGRESSED and stamp_of(run.state) == stamp:
            pass
    except ActionFailure as failure:
        raise RuntimeError(f"{failure}\n{FAILURE_MARK}{json.dumps(failure.as_json())}") from failure.original
    return step
