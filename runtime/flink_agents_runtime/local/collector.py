"""Python's collector of rings, told to be patient while a run lasts.

A run makes many objects that stay, its outputs, and hardly any rings. With the threshold that Python has by default, the
collector would go through what stays again and again: a third of the time of a run whose outputs are nested.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# So many objects more than before, and the youngest are looked at. A megabyte or two.
_PATIENCE = 10_000

_lock = threading.Lock()
_runs = 0
_before: tuple[int, int, int] = gc.get_threshold()


@contextmanager
def patient_collector() -> Iterator[None]:
    """For the time of the block, or of several in as many threads; leaves alone what is more patient already, or off."""
    global _runs, _before  # noqa: PLW0603 - there is one collector in a process
    with _lock:
        _runs += 1
        if _runs == 1:
            _before = gc.get_threshold()
            if 0 < _before[0] < _PATIENCE:
                gc.set_threshold(_PATIENCE, *_before[1:])
    try:
        yield
    finally:
        with _lock:
            _runs -= 1
            if _runs == 0:
                gc.set_threshold(*_before)
