"""The state of one key that a checkpoint must hold, as plain data."""

from __future__ import annotations

import pickle
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from flink_agents_runtime.engine.sealed import SealedEvent

# An item of memory: a value in a 1-tuple, or an object as the names of its fields. A store maps
# dotted paths to items.
Item = tuple[Any] | dict[str, None]
Store = dict[str, Item]

LAYOUT = 3


@dataclass(slots=True)
class CallRecord:
    """One durable call of an action: function, digest of its arguments, and outcome.

    Its index within the action identifies it. ``status`` is PENDING, SUCCEEDED or FAILED;
    ``payload`` is the pickled result or exception, None while pending.
    """

    function_id: str
    args_digest: str
    status: str
    payload: bytes | None = None


@dataclass(slots=True, eq=False)
class Task:
    """One execution of an action for one event. No two tasks are equal.

    A task that waits for an async call is stored like any other: after a restore it runs from its
    first line again, and its finished durable calls are replayed from ``calls``.

    With an action state store, ``position`` locates the event within the run, and ``processed``
    counts the events of this task that have been processed.
    """

    event: SealedEvent
    action: str
    calls: list[CallRecord] = field(default_factory=list)
    position: str = ""
    processed: int = 0


class Input(NamedTuple):
    """A waiting or running input: its event and the source's time stamp in ms."""

    event: SealedEvent
    timestamp: int | None = None


@dataclass(slots=True)
class KeyState:
    """The state of one key.

    ``sequence`` counts the inputs whose run has started. ``current`` is the input of the run in
    flight, None between runs. ``tasks`` are the queued actions of that run; ``inputs`` wait for its
    end. ``touched`` maps paths of short-term memory to the times in ms from which they age; it is
    empty without a time to live.
    """

    sequence: int = 0
    sensory: Store = field(default_factory=dict)
    short_term: Store = field(default_factory=dict)
    current: Input | None = None
    tasks: deque[Task] = field(default_factory=deque)
    inputs: deque[Input] = field(default_factory=deque)
    touched: dict[str, int] = field(default_factory=dict)

    @property
    def busy(self) -> bool:
        """Return True if a run is in flight or an input waits."""
        return self.current is not None or bool(self.inputs)

    @property
    def holds_nothing(self) -> bool:
        """Return True if the state is empty apart from its sequence number."""
        return not (self.current or self.inputs or self.tasks or self.short_term or self.sensory)

    @property
    def short_term_values(self) -> dict[str, Any]:
        """Return the values of short-term memory by dotted path, without the objects around them."""
        return {path: item[0] for path, item in self.short_term.items() if isinstance(item, tuple)}

    @property
    def ended_sequence(self) -> int:
        """Return the number of the last input whose run has ended."""
        return self.sequence if self.current is None else self.sequence - 1

    def snapshot(self) -> bytes:
        """Return the state as bytes; call it between two steps only.

        The bytes are a pickle of builtin types, with events as JSON text, so renaming a class does not
        change the format. Uncommitted memory writes are not included.
        """
        return pickle.dumps(
            (
                LAYOUT,
                self.sequence,
                self.sensory,
                self.short_term,
                _plain_input(self.current) if self.current else None,
                [_plain_task(task) for task in self.tasks],
                [_plain_input(waiting) for waiting in self.inputs],
                self.touched,
            ),
            protocol=5,
        )

    @classmethod
    def restore(cls, snapshot: bytes) -> KeyState:
        """Return the state that :meth:`snapshot` wrote. Raises ValueError for an unknown layout."""
        # Imported late: a reader of action records uses this module without flink_agents.
        from flink_agents_runtime.engine.sealed import SealedEvent

        layout, *fields = pickle.loads(snapshot)  # noqa: S301 - written by snapshot, restored by the host
        if layout != LAYOUT:
            by = "a newer" if isinstance(layout, int) and layout > LAYOUT else "another"
            raise ValueError(
                f"key state has layout {layout!r}, this runtime reads layout {LAYOUT}: it was written by {by} version of "
                "pytest-flink-agents; start the job with that version"
            )
        sequence, sensory, short_term, current, tasks, inputs, touched = fields
        return cls(
            sequence,
            sensory,
            short_term,
            Input(SealedEvent.of_text(current[0]), current[1]) if current else None,
            deque(
                Task(SealedEvent.of_text(text), action, [CallRecord(*call) for call in calls], *at)
                for text, action, calls, *at in tasks
            ),
            deque(Input(SealedEvent.of_text(text), timestamp) for text, timestamp in inputs),
            touched,
        )


def _plain_input(waiting: Input) -> tuple[str, int | None]:
    return waiting.event.text, waiting.timestamp


def _plain_task(task: Task) -> tuple[str, str, list[tuple[str, str, str, bytes | None]], str, int]:
    return task.event.text, task.action, [_plain_call(call) for call in task.calls], task.position, task.processed


def _plain_call(call: CallRecord) -> tuple[str, str, str, bytes | None]:
    return call.function_id, call.args_digest, call.status, call.payload
