"""The pace of readings of a running job."""

from __future__ import annotations

from flink_testbed.core import clock

_EVERY_S = 1.0


class Paced:
    """Says when the next reading is due: about once a second, since each costs a request or a read."""

    def __init__(self, *, at_once: bool = True) -> None:
        self._next_s = clock.now_s() + (0.0 if at_once else _EVERY_S)

    def due(self) -> bool:
        """Return whether to read now; the next reading is due a second later."""
        now_s = clock.now_s()
        if now_s < self._next_s:
            return False
        self._next_s = now_s + _EVERY_S
        return True
