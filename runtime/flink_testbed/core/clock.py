"""The one door to time, and the one way to wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from flink_testbed.core.problem import Problem, WaitTimeoutError

T = TypeVar("T")


def now_s() -> float:
    """Seconds on a clock that never goes back; only differences mean anything."""
    return time.monotonic()


def wall_time_s() -> float:
    """Seconds since 1970, for time stamps in reports."""
    return time.time()


def pause(seconds: float) -> None:
    """Let ``seconds`` pass."""
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
    """Probe until it yields a value, and return that value.

    ``probe`` returns ``(value, seen)``: ``value`` is None while the condition does not hold yet, ``seen`` says in a few
    words what was looked at last. An exception of the probe is not caught: a probe says itself what counts as "not yet".
    Raises :class:`WaitTimeoutError` with the last ``seen`` and, where given, ``detail()`` (a log tail).
    """
    deadline = now_s() + timeout_s
    while True:
        value, seen = probe()
        if value is not None:
            return value
        if now_s() >= deadline:
            raise WaitTimeoutError(
                Problem(
                    code=code,
                    message=f"waited {timeout_s:g} s for {what}",
                    expected=what,
                    seen=seen,
                    next_step=next_step,
                    detail=detail() if detail else "",
                )
            )
        pause(min(interval_s, max(0.0, deadline - now_s())))
