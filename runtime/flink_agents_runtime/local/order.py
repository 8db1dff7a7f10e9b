"""Which key goes on next. Two orders: keys by turns, or drawn by a seed. Knows keys' runs, not what they do."""

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
# Looked up once: on an enumeration that takes as long as a call.
_PROGRESSED, _WAITING = Step.PROGRESSED, Step.WAITING


# With fewer keys than this to go on with, Turns wants more inputs. Few, so that what is taken in is still at hand.
_FEW_KEYS = 16


class Order(Protocol):
    """The host's loop: ``while run := order.next()``, then :meth:`stepped`, unless the step left the key idle.

    ``ready`` are the keys that can go on. With fewer than ``wanted`` more inputs should be taken in.
    """

    wanted: int

    @property
    def ready(self) -> Sized:
        """The keys that can go on."""

    def add(self, run: KeyRun) -> None:
        """A key that has an input, and had nothing to do before."""

    def __len__(self) -> int:
        """How many keys have something to do or wait, but for the one that is being stepped. May be asked from any thread."""

    def is_done(self, future: Future[Any]) -> bool:
        """Whether the engine may look at this future as done."""

    def next(self) -> KeyRun | None:
        """The run to step now; waits for an async call where there is nothing else to do. None at the end."""

    def stepped(self, run: KeyRun, step: Step) -> None:
        """What came of its step."""


class Turns:
    """Keys by turns in the order they came, a step each; a key that waits comes back when one of its calls is done."""

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
        """As soon as it is."""
        return future.done()

    def next(self) -> KeyRun | None:
        """The next in turn."""
        if self._waiting:
            while not self._woken.empty():
                self._wake(self._woken.get())
            while not self.ready and self._waiting:
                self._wake(self._woken.get())
        return self.ready.popleft() if self.ready else None

    def stepped(self, run: KeyRun, step: Step) -> None:
        """Back to the end of the queue, or aside until a call is done."""
        if step is _PROGRESSED:
            self.ready.append(run)
        elif step is _WAITING:
            self._waiting.add(run)
            for future in run.waiting_on:
                if future not in self._watched:
                    self._watched.add(future)
                    future.add_done_callback(partial(self._called_back, run))

    def _called_back(self, run: KeyRun, future: Future[Any]) -> None:
        """On the thread of the call."""
        self._watched.discard(future)
        self._woken.put(run)

    def _wake(self, run: KeyRun) -> None:
        if run in self._waiting:  # else another call of the same key woke it before
            self._waiting.remove(run)
            self.ready.append(run)


class Seeded:
    """The same seed, the same order, however long the async calls take.

    Each draw is among the keys that can go on and all calls that are awaited; a call that is drawn is waited for, and
    only then the engine sees that it is done. So calls overlap less than by turns: this is to explore orders. The host's
    window says how many inputs are there to draw from; it is filled at moments that the seed decides too.
    """

    wanted = sys.maxsize

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - an order to be repeated, no secret
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
        """Once it was drawn."""
        return future in self._done

    def next(self) -> KeyRun | None:
        """The next by lot."""
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
        """Back among the keys that can go on, or aside until one of its calls is drawn."""
        for future in run.waiting_on:
            if future not in self._known:
                self._known.add(future)
                self._awaited.append((run, future))
        if step is _PROGRESSED:
            self.ready.append(run)
        elif step is _WAITING:
            self._waiting.add(run)


def _taken(elements: list[_Element], index: int) -> _Element:
    """Take one out; the last takes its place, so that not all behind it have to move."""
    elements[index], elements[-1] = elements[-1], elements[index]
    return elements.pop()
