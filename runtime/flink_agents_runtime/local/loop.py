"""The loop of a local run, from reading inputs to stepping keys.

Inputs may be any iterable. It is read whenever few keys are ready, and at most ``window`` inputs
are in flight, that is, read and not at the end of their run. Memory is therefore bounded by the
state of the keys and the window, whatever the length of the input. The window does not change
results: each key gets its inputs in their order.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from typing import Any, NamedTuple
from uuid import UUID

from flink_agents_runtime.engine.action_store import ActionStateStore
from flink_agents_runtime.engine.engine import Engine
from flink_agents_runtime.engine.failure import ActionFailure
from flink_agents_runtime.engine.run import Emit, KeyRun, Step
from flink_agents_runtime.engine.state import KeyState
from flink_agents_runtime.local.handover import Handover, Stop
from flink_agents_runtime.local.held_inputs import HeldInputs, Record
from flink_agents_runtime.local.order import Order
from flink_agents_runtime.local.unfinished import Unfinished
from flink_agents_runtime.plan.agent_reference import PlanError

_MOST_NAMED = 20
# Idle keys are dropped whenever the number of keys has doubled since the last time, from this number on.
_MANY_KEYS = 10_000
_NEVER = sys.maxsize
# Looked up once: an attribute of an enumeration costs as much as a call.
_IDLE, _new_tuple = Step.IDLE, tuple.__new__


class Output(NamedTuple):
    """An output: the key of its run, and its JSON value."""

    key: Any
    value: Any


class Loop:
    """The loop of one run; other threads may read its state.

    ``on_output`` gets each output, and none releases an input then. Without it the loop keeps the
    ``outputs``, and in ``numbers`` the number of the input behind each of them. ``store`` is finished at the end of the input;
    with a store no key is dropped, because the number of its inputs identifies its records.
    ``held`` are inputs that wait for outputs; those that nothing released stay in it.
    ``close`` is called at the end on the thread of the loop, even if the caller has left by then.

    The loop begins with the states of keys in ``handover``, whose number of the first input counts. With
    ``stop`` it ends after that many outputs, whatever is in flight, and ``handover()`` returns what the next version of
    the agent begins with.
    """

    def __init__(
        self,
        engine: Engine,
        order: Order,
        inputs: Iterable[Mapping[str, Any]],
        *,
        window: int,
        on_output: Callable[[Output], None] | None,
        store: ActionStateStore | None,
        close: Callable[[], None],
        held: HeldInputs | None = None,
        handover: Handover | None = None,
        stop: Stop | None = None,
    ) -> None:
        self._begins_with = handover or Handover()
        self._stop = stop
        # The number of states that the loop has begun with.
        self.restored = 0
        # True once the loop has stopped for the next version.
        self.handed_over = False
        self.outputs: list[Output] = []
        self.numbers: list[int] = []
        self.failure: ActionFailure | None = None
        self.error: BaseException | None = None
        self.stopped = False
        # The number of inputs that have been read.
        self.taken = self._begins_with.first
        self._engine = engine
        self._order = order
        self._inputs: Iterator[Mapping[str, Any]] = iter(inputs)
        self._window = window
        self._take_in_at = 0
        self._on_output = on_output
        self._store = store
        self._close = close
        self._held = held
        # Inputs that the step which runs now has released.
        self._released: list[tuple[int, Record]] = []
        self._runs: dict[str | tuple[str], KeyRun] = {}
        self._forget_at = _NEVER if store is not None else _MANY_KEYS

    @property
    def ended(self) -> int:
        """The number of inputs whose run has ended."""
        return self._engine.runs_ended

    @property
    def keys_in_flight(self) -> int:
        """The number of keys that are ready or wait for a call."""
        return len(self._order)

    def run(self) -> None:
        """Step keys until the end, a failure or a stop."""
        engine, order = self._engine, self._order
        ready, wanted, released = order.ready, order.wanted, self._released
        try:
            self._restore()
            while True:
                if len(ready) < wanted and engine.runs_ended >= self._take_in_at:
                    self._take_in(ready, 2 * wanted)
                run = order.next()
                # Checked after each wait: a call may end long after the caller has left.
                if run is None or self.stopped:
                    break
                step = run.step()
                if self._stop is not None and len(self.outputs) >= self._stop.outputs:
                    self._end_runs(self._stop)
                    self.handed_over = not self.stopped
                    break
                if step is not _IDLE:
                    order.stepped(run, step)
                if released:
                    self._send_released()
            if self._store is not None and not self.stopped and not self.handed_over:
                self._store.finish()
        except ActionFailure as failure:
            self.failure = failure
        except BaseException as error:
            self.error = error
        finally:
            self._close()

    def unfinished(self) -> tuple[Unfinished, ...]:
        """Return unfinished work: the running action, else awaited calls, else queued actions."""
        runs = [run for run in tuple(self._runs.values()) if run.state.busy]
        for run in runs:
            action = run.running_action
            if action is not None:
                return (Unfinished(run.key, action, run.current_input),)
        awaited = [Unfinished(run.key, action, run.current_input) for run in runs for action in run.waiting_on.values()]
        queued = [
            Unfinished(run.key, run.state.tasks[0].action if run.state.tasks else "", run.current_input) for run in runs
        ]
        unread = [Unfinished(None, "")] if self._take_in_at != _NEVER else []
        return tuple((awaited or queued or unread)[:_MOST_NAMED])

    def memory(self) -> tuple[tuple[Any, dict[str, Any]], ...]:
        """Return the short-term memory of each key that has some: its values by dotted path."""
        expiry = self._engine.expiry
        found = []
        for run in self._runs.values():
            if expiry is not None:
                expiry.sweep(run.state)
            if values := run.state.short_term_values:
                found.append((run.key, values))
        return tuple(found)

    def handover(self) -> Handover:
        """Return the states that the next version begins with, after a run that has stopped for it."""
        kept = self._runs.values() if self._stop is not None and self._stop.keeps_states else ()
        return Handover({json.dumps(run.key): run.state.snapshot() for run in kept}, self.taken)

    def _end_runs(self, stop: Stop) -> None:
        """Step each key to the end of its run, or until it waits: Flink takes no checkpoint in between.

        If no states are kept, also those of the inputs that have not begun, of which Flink would have read none.
        """
        for run in self._runs.values():
            state = run.state
            while not self.stopped and (state.current is not None if stop.keeps_states else state.busy):
                if run.step() is Step.WAITING:
                    break

    def _restore(self) -> None:
        for text, snapshot in self._begins_with.states.items():
            key = json.loads(text)
            try:
                run = self._engine.run_for(key, KeyState.restore(snapshot), self._emit_for(key))
            except Exception as error:
                raise PlanError(
                    "the agent cannot go on with the state of the version before", seen=str(error)
                ) from error
            self._runs[_identity(key)] = run
            self.restored += 1
            if run.state.busy:
                self._order.add(run)

    def _take_in(self, ready: Sized, enough: int) -> None:
        """Read inputs until ``enough`` keys are ready or the window is full.

        After a full window half of it has to end before the next input is read: reading one input per
        ended run would switch between reading and stepping all the time.
        """
        held = self._held
        # Held inputs are read, but not in flight.
        not_in_flight = 0 if held is None else len(held)
        max_taken = self._begins_with.first + self._engine.runs_ended + self._window + not_in_flight
        for record in self._inputs:
            if held is not None and self.taken in held:
                self.taken += 1
                continue
            try:
                key, value = record["key"], record["value"]
            except KeyError:
                key, value = _key_and_value(self.taken, record)
            self._offer(key, value, self.taken)
            self.taken += 1
            if self.taken >= max_taken:
                self._take_in_at = self.taken - self._begins_with.first - not_in_flight - self._window // 2
                return
            if len(ready) >= enough:
                return
        self._take_in_at = _NEVER

    def _send_released(self) -> None:
        """Offer the released inputs.

        Not while their key steps: the order learns of a key that was idle, and only then.
        """
        for number, record in self._released:
            self._offer(record["key"], record["value"], number)
        self._released.clear()

    def _offer(self, key: Any, value: Any, number: int) -> None:
        identity = _identity(key)
        run = self._runs.get(identity)
        if run is not None:
            state = run.state
            idle = state.current is None and not state.inputs
        else:
            idle = True
            if len(self._runs) >= self._forget_at:
                self._forget_idle_keys()
            run = self._runs[identity] = self._engine.run_for(key, KeyState(), self._emit_for(key))
        # The number of an input travels through its run as a time stamp, as on Flink.
        run.offer(value, number)
        if idle:
            self._order.add(run)

    def _emit_for(self, key: Any) -> Emit:
        on_output, outputs, numbers = self._on_output, self.outputs, self.numbers
        held, released = self._held, self._released
        if on_output is not None:
            return lambda value, _: on_output(Output(key, value))

        def keep(value: Any, number: int | None) -> None:
            assert number is not None, "every input has a number"
            # In this order: a caller that gave up on a stuck loop reads outputs first, then their numbers.
            numbers.append(number)
            outputs.append(_new_tuple(Output, (key, value)))
            if held is not None:
                released.extend(held.after(key, value))

        return keep

    def _forget_idle_keys(self) -> None:
        """Drop keys without work and memory, which behave like new keys."""
        expiry = self._engine.expiry
        for identity, run in tuple(self._runs.items()):
            if not run.state.busy:
                if expiry is not None:
                    expiry.sweep(run.state)
                if not run.state.short_term:
                    del self._runs[identity]
        self._forget_at = max(_MANY_KEYS, 2 * len(self._runs))


def _identity(key: Any) -> str | tuple[str]:
    # As JSON text 1, "1" and true are three keys, and a list can be a key.
    return key if type(key) is str else (json.dumps(key, sort_keys=True, default=str),)


def _key_and_value(index: int, record: Mapping[str, Any]) -> tuple[Any, Any]:
    name = "value" if "value" in record else "v"
    if name not in record:
        raise ValueError(f"input {index} has no 'value' (or 'v'); it has {', '.join(record) or 'nothing'}")
    key_name = "key" if "key" in record else "k"
    key = record[key_name] if key_name in record else str(UUID(int=index))
    return key, record[name]
