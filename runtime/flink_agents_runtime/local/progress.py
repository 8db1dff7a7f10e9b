"""Progress lines for runs that take longer than a few seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

FIRST_LINE_S = 5.0
_LONGEST_PAUSE_S = 60.0


class Watched(Protocol):
    """The numbers that a progress line shows; read from another thread."""

    @property
    def ended(self) -> int:
        """The number of inputs whose run has ended."""

    @property
    def keys_in_flight(self) -> int:
        """The number of keys with unfinished work."""


class Progress:
    """Reports a run's progress while a ``with`` block lasts.

    The first line comes after 5 s; then pauses double up to a minute. ``total`` is the number of
    inputs, or None if it is unknown. ``report`` is called with each line on a separate thread.
    """

    def __init__(
        self, run: Watched, total: int | None, report: Callable[[str], None], *, first_line_s: float | None = None
    ) -> None:
        self._run = run
        self._of_total = f" of {total:,}" if total is not None else ""
        self._report = report
        self._pause_s = FIRST_LINE_S if first_line_s is None else first_line_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="agent-progress", daemon=True)

    def __enter__(self) -> None:
        self._began_s = time.monotonic()
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(self._pause_s):
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
            self._report(self._line())

    def _line(self) -> str:
        done, took_s = self._run.ended, time.monotonic() - self._began_s
        return (
            f"{done:,}{self._of_total} inputs done after {took_s:.0f} s, {self._run.keys_in_flight:,} keys in flight, "
            f"{done / took_s:,.0f} inputs/s"
        )
