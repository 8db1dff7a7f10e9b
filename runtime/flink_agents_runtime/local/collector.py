"""Raise the garbage collector's threshold for the duration of a run.

A run allocates many objects that it keeps (its outputs) and few reference cycles. With Python's
default threshold the collector scans the kept objects over and over, which takes a third of the
time of a run with nested outputs.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Allocations between two collections of the youngest generation: one or two megabytes of garbage at most.
_THRESHOLD = 10_000

_lock = threading.Lock()
_runs = 0
_before: tuple[int, int, int] = gc.get_threshold()


@contextmanager
def raised_gc_threshold() -> Iterator[None]:
    """Raise the threshold while the block runs.

    Blocks may overlap in several threads: the first one raises, the last one restores. A higher
    threshold, or a collector that is switched off, stays as it is.
    """
    global _runs, _before  # noqa: PLW0603 - a process has one collector
    with _lock:
        _runs += 1
        if _runs == 1:
            _before = gc.get_threshold()
            if 0 < _before[0] < _THRESHOLD:
                gc.set_threshold(_THRESHOLD, *_before[1:])
    try:
        yield
    finally:
        with _lock:
            _runs -= 1
            if _runs == 0:
                gc.set_threshold(*_before)
