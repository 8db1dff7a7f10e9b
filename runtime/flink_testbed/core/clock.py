"""Read the clock, and wait for a condition.

All other modules use these functions, so that a test can replace time in one place.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from typing import TypeVar

from flink_testbed.core.problem import Problem, WaitTimeoutError

T = TypeVar("T")


def now_s() -> float:
    """Return seconds on a monotonic clock; only differences are meaningful."""
    return time.monotonic()


def wall_time_s() -> float:
    """Return seconds since 1970, for time stamps in reports."""
    return time.time()


def today() -> datetime.date:
    """Return the date in UTC, so that a date means the same on every machine."""
    return datetime.datetime.fromtimestamp(wall_time_s(), datetime.timezone.utc).date()


def pause(seconds: float) -> None:
    """Sleep for ``seconds``."""
    time.sleep(seconds)


def wait_until(
    probe: Callable[[], tuple[T | None, str]],
    *,
    what: str,
    timeout_s: float,
    interval_s: float = 0.05,
    code: str = "FA401",
    next_step: str = "",
    detail: Callable[[], str] | None = None,
) -> T:
    """Call ``probe`` until it yields a value, and return the value.

    ``probe`` returns ``(value, seen)``: ``value`` is None while the condition does not hold, ``seen``
    describes the last observation in a few words. Exceptions of the probe are not caught: only the
    probe knows which errors mean "not yet". After ``timeout_s`` raises :class:`WaitTimeoutError`
    with the last ``seen`` and the result of ``detail``, such as the end of a log. The last probe begins
    at the deadline or later: a busy machine may let a long time pass between two of them. So a condition
    that held in time is never missed, but one that began to hold later may be seen, too. A caller for
    which that is a difference has to date what it has seen.
    """
    deadline = now_s() + timeout_s
    while True:
        is_last = now_s() >= deadline
        value, seen = probe()
        if value is not None:
            return value
        if is_last:
            raise WaitTimeoutError(
                Problem(
                    code=code,
                    message=f"waited {round(timeout_s, 1) or timeout_s:g} s for {what}",
                    expected=what,
                    seen=seen,
                    next_step=next_step,
                    detail=detail() if detail else "",
                )
            )
        pause(min(interval_s, max(0.0, deadline - now_s())))
