"""The cause of what an action does: the key and the number of its input, and the action itself.

Calls to the outside carry it, so that a witness outside the job can say which execution a call
belongs to. It follows an asynchronous durable call to its thread, but no thread that an agent starts itself.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

_Result = TypeVar("_Result")


class Cause(NamedTuple):
    """A key, the number of its input, from 0, and an action.

    ``input`` is None if inputs have no numbers.
    """

    key: Any
    input: int | None
    action: str


@dataclass(slots=True)
class Attempt:
    """One of several attempts at an input, and the number of its steps that are recorded so far.

    Attempt 0 is the undisturbed one.
    """

    number: int
    steps: int = 0


_current: ContextVar[Cause | None] = ContextVar("cause", default=None)
# Looked up once, because each step needs it.
set_cause = _current.set
current_cause = _current.get
_attempt: ContextVar[Attempt | None] = ContextVar("attempt", default=None)
set_attempt = _attempt.set
current_attempt = _attempt.get
_durable: ContextVar[bool] = ContextVar("durable", default=False)
in_durable_call = _durable.get


def with_cause(call: Callable[[], Any]) -> Callable[[], Any]:
    """Return a call that has the current cause on any thread."""
    return partial(copy_context().run, call)


def durably(call: Callable[[], _Result]) -> _Result:
    """Make a call within which :func:`in_durable_call` is true."""
    token = _durable.set(True)
    try:
        return call()
    finally:
        _durable.reset(token)
