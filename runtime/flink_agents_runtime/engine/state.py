"""Everything of one key that a checkpoint must hold, as plain data."""

from __future__ import annotations

import pickle
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from flink_agents_runtime.engine.sealed import SealedEvent

# Dotted path -> a value in a 1-tuple, or, for an object, the names of its fields.
Item = tuple[Any] | dict[str, None]
Store = dict[str, Item]

_LAYOUT = 3


@dataclass(slots=True)
class CallRecord:
    """One durable call of an action, found again by its index: what was called, with what, and how it ended.

    ``status`` is PENDING, SUCCEEDED or FAILED; ``payload`` the pickled result or exception, None while pending.
    """

    function_id: str
    args_digest: str
    status: str
    payload: bytes | None = None


@dataclass(slots=True, eq=False)
class Task:
    """One action to be run for one event. Never equal to another task: each is one execution.

    A task that waits for an async call is kept the same way: after a restore it runs from its first line again, its
    finished durable calls replayed from ``calls``.

    With an action state store, ``position`` says where in the run the event came from, and ``processed`` how many of the
    events that this task sent have been processed already.
    """

    event: SealedEvent
    action: str
    calls: list[CallRecord] = field(default_factory=list)
    position: str = ""
    processed: int = 0


class Input(NamedTuple):
    """An input that waits for its run or is in its run: the input event, the source's time stamp in ms."""

    event: SealedEvent
    timestamp: int | None = None


@dataclass(slots=True)
class KeyState:
    """The state of one key.

    ``sequence`` counts the inputs whose run has started. ``current`` is the input of the run in flight, None between
    runs. ``tasks`` are the run's actions in the order they will run, ``inputs`` wait for the run to end. ``touched`` holds
    the times in ms, by path, from which short-term memory's time to live counts; empty where it has none.
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
        """Whether a run is in flight or an input waits."""
        return self.current is not None or bool(self.inputs)

    @property
    def holds_nothing(self) -> bool:
        """Whether there is nothing to remember but how many inputs there were."""
        return not (self.current or self.inputs or self.tasks or self.short_term or self.sensory)

    @property
    def ended_sequence(self) -> int:
        """The number of the last input whose run has ended."""
        return self.sequence if self.current is None else self.sequence - 1

    def snapshot(self) -> bytes:
        """The state as bytes: a pickle of builtin types only, so that no class of ours is part of the format; events as text.

        To be taken between two steps. Memory that an unfinished action wrote is not in it.
        """
        return pickle.dumps(
            (
                _LAYOUT,
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
        """The state that :meth:`snapshot` wrote. Raises ValueError for a layout that this version does not know."""
        # Late, so that who only looks at records of a state needs no flink_agents.
        from flink_agents_runtime.engine.sealed import SealedEvent

        layout, *fields = pickle.loads(snapshot)  # noqa: S301 - our own bytes, back from the host's checkpoint
        if layout != _LAYOUT:
            raise ValueError(f"key state has layout {layout!r}, this runtime reads layout {_LAYOUT}")
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
