"""The order of keys: round robin, or drawn from a seed.

An order schedules runs of keys; it does not look at their actions or events.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sized
from concurrent.futures import Future, wait
from functools import partial
from queue import SimpleQueue
from random import Random
from typing import Any, Protocol, TypeVar
from weakref import WeakSet

from flink_agents_runtime.engine.run import KeyRun, Step

_Element = TypeVar("_Element")
# Looked up once: an attribute of an enumeration costs as much as a call.
_PROGRESSED, _WAITING = Step.PROGRESSED, Step.WAITING


# Turns wants more inputs if fewer keys than this are ready. A low number keeps few inputs in memory.
_FEW_KEYS = 16


class Order(Protocol):
    """The schedule of the loop.

    The loop calls :meth:`next`, steps the run it gets, and calls :meth:`stepped` unless the step
    left the key idle. It reads more inputs if fewer than ``wanted`` keys are ``ready``.
    """

    wanted: int

    @property
    def ready(self) -> Sized:
        """The keys that can take a step now."""

    def add(self, run: KeyRun) -> None:
        """Queue a key that was idle and now has an input."""

    def __len__(self) -> int:
        """Count ready and waiting keys, except the one being stepped. Thread-safe."""

    def is_done(self, future: Future[Any]) -> bool:
        """Return True if the engine may treat this future as done."""

    def next(self) -> KeyRun | None:
        """Return the run to step next, or None at the end.

        Blocks until an async call is done if no key is ready.
        """

    def stepped(self, run: KeyRun, step: Step) -> None:
        """Take note of the outcome of a run's step."""


class Turns:
    """A round robin: keys take one step each, in order of arrival.

    A waiting key rejoins the queue when one of its calls is done.
    """

    wanted = _FEW_KEYS

    def __init__(self) -> None:
        self.ready: deque[KeyRun] = deque()
        self._waiting: set[KeyRun] = set()
        self._watched: set[Future[Any]] = set()
        self._woken: SimpleQueue[KeyRun] = SimpleQueue()

    def add(self, run: KeyRun) -> None:
        """Queue a key."""
        self.ready.append(run)

    def __len__(self) -> int:
        return len(self.ready) + len(self._waiting)

    def is_done(self, future: Future[Any]) -> bool:
        """Return True if the call is done."""
        return future.done()

    def next(self) -> KeyRun | None:
        """Return the next run of the queue."""
        if self._waiting:
            while not self._woken.empty():
                self._wake(self._woken.get())
            while not self.ready and self._waiting:
                self._wake(self._woken.get())
        return self.ready.popleft() if self.ready else None

    def stepped(self, run: KeyRun, step: Step) -> None:
        """Queue the run, or put it aside until a call is done."""
        if step is _PROGRESSED:
            self.ready.append(run)
        elif step is _WAITING:
            self._waiting.add(run)
            for future in run.waiting_on:
                if future not in self._watched:
                    self._watched.add(future)
                    future.add_done_callback(partial(self._called_back, run))

    def _called_back(self, run: KeyRun, future: Future[Any]) -> None:
        """Wake the run; called on the thread of the call."""
        self._watched.discard(future)
        self._woken.put(run)

    def _wake(self, run: KeyRun) -> None:
        if run in self._waiting:  # otherwise another call of the same key has woken it
            self._waiting.remove(run)
            self.ready.append(run)


class Seeded:
    """An order drawn from a seed, independent of the duration of calls.

    Each draw is among the ready keys and all awaited calls. A drawn call is waited for, and only
    then does the engine see that it is done. Calls therefore overlap less than with
    :class:`Turns`: the purpose is to explore orders. The window of the host limits the inputs to
    draw from, and it is filled at moments that depend on the seed alone.
    """

    wanted = sys.maxsize

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - a repeatable order, not a secret
        self.ready: list[KeyRun] = []
        self._waiting: set[KeyRun] = set()
        self._awaited: list[tuple[KeyRun, Future[Any]]] = []
        self._known: WeakSet[Future[Any]] = WeakSet()
        self._done: WeakSet[Future[Any]] = WeakSet()

    def add(self, run: KeyRun) -> None:
        """Queue a key."""
        self.ready.append(run)

    def __len__(self) -> int:
        return len(self.ready) + len(self._waiting)

    def is_done(self, future: Future[Any]) -> bool:
        """Return True if the call was drawn."""
        return future in self._done

    def next(self) -> KeyRun | None:
        """Draw the next run, and wait for each drawn call."""
        while choices := len(self.ready) + len(self._awaited):
            index = self._random.randrange(choices)
            if index < len(self.ready):
                return _taken(self.ready, index)
            run, future = _taken(self._awaited, index - len(self.ready))
            wait([future])
            self._done.add(future)
            if run in self._waiting:
                self._waiting.remove(run)
                return run
        return None

    def stepped(self, run: KeyRun, step: Step) -> None:
        """Make the run ready, or put it aside until its call is drawn."""
        for future in run.waiting_on:
            if future not in self._known:
                self._known.add(future)
                self._awaited.append((run, future))
        if step is _PROGRESSED:
            self.ready.append(run)
        elif step is _WAITING:
            self._waiting.add(run)


def _taken(elements: list[_Element], index: int) -> _Element:
    """Remove and return one element; the last one fills the gap."""
    elements[index], elements[-1] = elements[-1], elements[index]
    return elements.pop()
