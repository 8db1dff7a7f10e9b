"""The cause of what an action does: the key and the number of its input.

Calls to the outside carry it, so that a witness outside the job can say which input a call belongs
to. It follows an asynchronous durable call to its thread, but no thread that an agent starts itself.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any, NamedTuple


class Cause(NamedTuple):
    """A key and the number of its input, from 0; None if inputs have no numbers."""

    key: Any
    input: int | None


_current: ContextVar[Cause | None] = ContextVar("cause", default=None)
# Looked up once, because each step needs it.
set_cause = _current.set
current_cause = _current.get


def with_cause(call: Callable[[], Any]) -> Callable[[], Any]:
    """Return a call that has the current cause on any thread."""
    return partial(copy_context().run, call)
