"""A run loop that records its actions in a store and replays them.

Only this module pays for a store; without one :class:`KeyRun` runs by itself. A completed execution is
recorded before its memory writes are committed and its events are processed. Everything that was
visible of an execution can therefore be replayed. A durable call is recorded as soon as the engine
knows its outcome.
"""

from __future__ import annotations

from typing import Any

from flink_agents.api.memory_object import MemoryType

from flink_agents_runtime.engine.action_record import (
    ActionRecord,
    Execution,
    Place,
    StoreError,
    digest_of,
    key_text,
    position_below,
)
from flink_agents_runtime.engine.action_store import ActionStateStore
from flink_agents_runtime.engine.context import ActionContext
from flink_agents_runtime.engine.durable import DurableCalls
from flink_agents_runtime.engine.event_text import lasting_text
from flink_agents_runtime.engine.memory import Overlay
from flink_agents_runtime.engine.run import Emit, KeyRun
from flink_agents_runtime.engine.sealed import SealedEvent
from flink_agents_runtime.engine.shared import SharedParts
from flink_agents_runtime.engine.state import Input, KeyState, Task


class RecordedCalls(DurableCalls):
    """Durable calls whose failed records fail the action."""

    def __init__(self, context: RecordedContext) -> None:
        super().__init__(context.task.calls)
        self._context = context

    def _changed(self) -> None:
        self._context.write_calls()

    def _unrecordable(self, function_id: str, reason: Exception) -> None:
        error = TypeError(
            f"the outcome of {function_id} cannot be recorded ({reason}), and the job has an action state store: "
            "let the call return, or raise, an object that can be pickled"
        )
        self._context.refuse(error)


class RecordedContext(ActionContext):
    """A context that keeps sent events and records its durable calls."""

    def __init__(self, run: RecordedRun, engine: SharedParts, state: KeyState, task: Task) -> None:
        super().__init__(engine, run.key, state, task)
        self._run = run
        # Number of events of this attempt that it or an earlier attempt has processed.
        self.processed = 0
        self.error: Exception | None = None
        self._taken: list[SealedEvent] = []

    @property
    def calls(self) -> DurableCalls:
        """Return the durable calls of this attempt, each recorded before the action continues."""
        if self._calls is None:
            self._calls = self._run.calls_type(self)
        return self._calls

    def write_calls(self) -> None:
        """Record the durable calls so far."""
        try:
            self._run.write_calls(self.task)
        except StoreError as error:
            self.refuse(error)

    def refuse(self, error: Exception) -> None:
        """Raise the error, and again at the step's end if the action catches it."""
        self.error = self.error or error
        raise error

    def take_sent(self) -> list[SealedEvent]:
        """Return the events sent since the last call."""
        sent = super().take_sent()
        self._taken += sent
        return sent

    def all_sent(self) -> tuple[tuple[str, str], ...]:
        """Return type and JSON text of all events that this attempt sent."""
        return tuple((event.type, event.text) for event in (*self._taken, *self.sent))

    def overlay(self, memory_type: MemoryType) -> Overlay:
        """Return the uncommitted writes to a memory."""
        known = self.memories.get(memory_type)
        return known[0] if known is not None else Overlay({})


class RecordedRun(KeyRun):
    """The run loop of one key with a store.

    ``state`` may come from a checkpoint; the store then has the records made since. ``calls_type``
    are the durable calls of its actions.
    """

    calls_type = RecordedCalls

    def __init__(self, engine: SharedParts, key: Any, state: KeyState, emit: Emit, store: ActionStateStore) -> None:
        super().__init__(engine, key, state, emit)
        self._store = store
        self._key_text = key_text(key)
        self._input = ""
        self._recovered: dict[Place, ActionRecord] = {}
        self._completed = 0
        # The action whose events are being processed, None for the input event.
        self._sender: RecordedContext | None = None
        if state.current is not None:
            self._recover(state.sequence, state.current)

    def write_calls(self, task: Task) -> None:
        """Record the durable calls of an unfinished execution."""
        self._put(task, ActionRecord(self._input, _digest(task.event), tuple(task.calls)))

    def _begin_run(self, waiting: Input) -> None:
        self._recover(self.state.sequence + 1, waiting)
        self._sender = None
        super()._begin_run(waiting)

    def _recover(self, sequence: int, current: Input) -> None:
        """Load the records of this input.

        Drop them if an earlier attempt had another input here.
        """
        self._input = _digest(current.event)
        found = dict(self._store.get(self._key_text, sequence))
        if any(record.input != self._input for record in found.values()):
            self._store.drop(self._key_text, sequence)
            found = {}
        self._recovered = found
        self._completed = 1 + max((record.rank for record in found.values()), default=-1)

    def _take_ready_task(self) -> Task | None:
        """Return the next task.

        Recorded executions come in the order of their completion.
        """
        task = super()._take_ready_task()
        while task is not None and self._recovered and self._another_was_first(task):
            self.state.tasks.append(task)
            task = super()._take_ready_task()
        return task

    def _another_was_first(self, task: Task) -> bool:
        record = self._completed_record(task)
        if record is None:
            return False
        others = (self._completed_record(other) for other in self.state.tasks)
        return any(other is not None and other.rank < record.rank for other in others)

    def _completed_record(self, task: Task) -> ActionRecord | None:
        record = self._recovered.get(_place(task))
        return record if record is not None and record.completed else None

    def _run(self, task: Task) -> None:
        attempt = self._attempts.get(task)
        if not isinstance(attempt, RecordedContext):
            attempt = RecordedContext(self, self._engine, self.state, task)
            record = self._recovered.pop(_place(task), None)
            # A different event means a different execution, whose record replaces this one.
            if record is not None and record.event == _digest(task.event):
                if record.completed:
                    self._replay(attempt, record)
                    return
                task.calls[:] = record.calls
            self._attempts[task] = attempt
        self._sender = attempt
        super()._run(task)

    def _replay(self, attempt: RecordedContext, record: ActionRecord) -> None:
        self.state.sensory.update(record.sensory)
        self.state.short_term.update(record.short_term)
        if self._engine.expiry is not None:
            self.state.touched.update(record.touched)
        self._sender = attempt
        for event_type, text in record.sent:
            self._process(SealedEvent(event_type, None, None, text))
        self._engine.metrics.action_executed(attempt.task.action)

    def _advance(self, task: Task, attempt: ActionContext) -> bool:
        assert isinstance(attempt, RecordedContext)
        finished = super()._advance(task, attempt)
        error = attempt.error or attempt.misused
        if error is not None:
            raise error
        if finished:
            sensory, short_term = (attempt.overlay(each) for each in (MemoryType.SENSORY, MemoryType.SHORT_TERM))
            record = ActionRecord(
                self._input,
                _digest(task.event),
                completed=True,
                rank=self._completed,
                sent=attempt.all_sent(),
                sensory=dict(sensory.written),
                short_term=dict(short_term.written),
                touched=dict(short_term.touched),
            )
            self._completed += 1
            self._put(task, record)
        return finished

    def _put(self, task: Task, record: ActionRecord) -> None:
        try:
            self._store.put(Execution(self._key_text, self.state.sequence, _place(task)), record)
        except StoreError as error:
            raise StoreError(f"the record of action {task.action!r} cannot be written: {error}") from error

    def _process(self, event: SealedEvent) -> None:
        """Process an event, unless an earlier attempt of its sender already did."""
        sender, position = self._sender, ""
        if sender is not None:
            index = sender.processed
            sender.processed += 1
            if index < sender.task.processed:
                return
            sender.task.processed = sender.processed
            position = position_below(_place(sender.task), index)
        first = len(self.state.tasks)
        super()._process(event)
        for queued in range(first, len(self.state.tasks)):
            self.state.tasks[queued].position = position


def _digest(event: SealedEvent) -> str:
    """Return a digest by which an event is known again after a restart."""
    return digest_of(lasting_text(event.text))


def _place(task: Task) -> Place:
    return Place(task.position, task.action)
