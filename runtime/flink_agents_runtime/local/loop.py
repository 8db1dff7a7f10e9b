"""One run of the local host: inputs taken in as they are needed, keys stepped until nothing is left.

Inputs are any iterable, read while few keys can go on. At most ``window`` of them are in flight, taken in and not at the
end of their run. So a run needs memory for its keys' state and its window, however long its input is. Nothing else depends
on the window: each key has its inputs in their order.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from flink_agents_runtime.engine.action_store import ActionStateStore
from flink_agents_runtime.engine.engine import Engine
from flink_agents_runtime.engine.failure import ActionFailure
from flink_agents_runtime.engine.run import Emit, KeyRun, Step
from flink_agents_runtime.engine.state import KeyState
from flink_agents_runtime.local.order import Order

_MOST_NAMED = 20
# Keys that hold nothing are looked for when there are twice as many as were left the last time, and at least so many.
_MANY_KEYS = 10_000
_NEVER = sys.maxsize
# Looked up once: on an enumeration that takes as long as a call.
_IDLE, _new_tuple = Step.IDLE, tuple.__new__


class Output(NamedTuple):
    """One output: the key it was made under, and its JSON value."""

    key: Any
    value: Any


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Where a run was when its deadline passed: an action that ran, that awaited a call, or that was next.

    ``action`` is empty where the key's next input had not begun; ``input`` is the JSON value of the run in flight. Where
    the inputs themselves did not come, all three are empty.
    """

    key: Any
    action: str
    input: Any = None

    def __str__(self) -> str:
        if self.key is None and not self.action:
            return "the next of the inputs, which did not come"
        what = f"action {self.action!r}" if self.action else "the next input"
        return f"{what} of key {self.key!r}" + (f" with input {json.dumps(self.input)}" if self.action else "")


class Loop:
    """One run. Read by the caller while, or after, it runs on a thread of its own.

    ``on_output`` gets each output; without it they are kept as ``outputs``, and as ``numbers`` those of the inputs that led
    to them. ``store`` is told when all is done; with one no key is ever forgotten, since the
    number of its inputs matters. ``close`` is called at the end, on the thread of the loop, be it after the caller has left.
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
    ) -> None:
        self.outputs: list[Output] = []
        self.numbers: list[int] = []
        self.failure: ActionFailure | None = None
        self.error: BaseException | None = None
        self.stopped = False
        # How many inputs have been taken in.
        self.taken = 0
        self._engine = engine
        self._order = order
        self._inputs: Iterator[Mapping[str, Any]] = iter(inputs)
        self._window = window
        self._take_in_at = 0
        self._on_output = on_output
        self._store = store
        self._close = close
        self._runs: dict[str | tuple[str], KeyRun] = {}
        self._forget_at = _NEVER if store is not None else _MANY_KEYS

    @property
    def ended(self) -> int:
        """How many inputs are at the end of their run."""
        return self._engine.runs_ended

    @property
    def keys_in_flight(self) -> int:
        """How many keys have something to do, or wait for a call."""
        return len(self._order)

    def run(self) -> None:
        """Step until nothing is left."""
        engine, order = self._engine, self._order
        ready, wanted = order.ready, order.wanted
        try:
            while True:
                if len(ready) < wanted and engine.runs_ended >= self._take_in_at:
                    self._take_in(ready, 2 * wanted)
                run = order.next()
                # Asked after each wait: a call may end long after the caller has left.
                if run is None or self.stopped:
                    break
                step = run.step()
                if step is not _IDLE:
                    order.stepped(run, step)
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

    def _take_in(self, ready: Sized, enough: int) -> None:
        """Until enough keys can go on, or the window is full; then half of it has to end before more comes in."""
        most = self._engine.runs_ended + self._window
        for record in self._inputs:
            try:
                key, value = record["key"], record["value"]
            except KeyError:
                key, value = _key_and_value(self.taken, record)
            self._offer(key, value)
            self.taken += 1
            if self.taken >= most:
                self._take_in_at = self.taken - self._window // 2
                return
            if len(ready) >= enough:
                return
        self._take_in_at = _NEVER

    def _offer(self, key: Any, value: Any) -> None:
        # As JSON the keys 1, "1" and true are three keys, and a list can be one.
        identity = key if type(key) is str else (json.dumps(key, sort_keys=True, default=str),)
        run = self._runs.get(identity)
        if run is not None:
            state = run.state
            idle = state.current is None and not state.inputs
        else:
            idle = True
            if len(self._runs) >= self._forget_at:
                self._forget_idle_keys()
            run = self._runs[identity] = self._engine.run_for(key, KeyState(), self._emit_for(key))
        # The number of an input travels with it as a time stamp, as on Flink.
        run.offer(value, self.taken)
        if idle:
            self._order.add(run)

    def _emit_for(self, key: Any) -> Emit:
        on_output, outputs, numbers = self._on_output, self.outputs, self.numbers
        if on_output is not None:
            return lambda value, _: on_output(Output(key, value))

        def keep(value: Any, number: int | None) -> None:
            assert number is not None, "every input has one"
            # In this order: who left a loop that is stuck reads outputs first, and finds a number for each.
            numbers.append(number)
            outputs.append(_new_tuple(Output, (key, value)))

        return keep

    def _forget_idle_keys(self) -> None:
        """A key that has nothing to do and remembers nothing is as good as one that was never seen."""
        expiry = self._engine.expiry
        for identity, run in tuple(self._runs.items()):
            if not run.state.busy:
                if expiry is not None:
                    expiry.sweep(run.state)
                if not run.state.short_term:
                    del self._runs[identity]
        self._forget_at = max(_MANY_KEYS, 2 * len(self._runs))


def _key_and_value(index: int, record: Mapping[str, Any]) -> tuple[Any, Any]:
    name = "value" if "value" in record else "v"
    if name not in record:
        raise ValueError(f"input {index} has no 'value' (or 'v'); it has {', '.join(record) or 'nothing'}")
    key_name = "key" if "key" in record else "k"
    key = record[key_name] if key_name in record else str(UUID(int=index))
    return key, record[name]
