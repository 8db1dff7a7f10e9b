"""What the small agents write down about themselves, outside of any engine: one file, one JSON line a note.

Every event of a case carries its key (``attributes.key``, or inside its input or output), since an agent cannot ask its
context for it and upstream's event log does not tell it.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from flink_agents.api.events.event import Event
from flink_agents.api.runner_context import RunnerContext

OPTION = "parity.journal"
_WAIT_S = 30.0


def journal_of(ctx: RunnerContext) -> str:
    """The journal's path, for a call: calls must not use the context."""
    return str(ctx.config.get_str(OPTION, os.devnull))


def key_of(event: Event) -> Any:
    """The key that an event carries: in its attributes, or, in flink-agents 0.1, in fields of its own."""
    fields = vars(event).get("attributes") or vars(event)
    return (fields.get("input") or fields)["key"]


def did(ctx: RunnerContext, event: Event, what: str) -> None:
    """An action was there."""
    note(journal_of(ctx), key_of(event), what)


def saw(ctx: RunnerContext, event: Event, **memory: Any) -> None:
    """What an action found in memory."""
    _write(journal_of(ctx), {"key": key_of(event), "memory": memory})


def note(path: str, key: Any, what: str) -> None:
    """The same for a call, which has no context."""
    _write(path, {"key": key, "action": what})


def until(path: str, key: Any, what: str) -> str:
    """Wait until the journal says that ``what`` happened for ``key``; a call that waits so makes an order certain."""
    wanted = {"key": key, "action": what}
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        lines = Path(path).read_text(encoding="utf-8").splitlines() if Path(path).exists() else []
        if wanted in (json.loads(line) for line in lines):
            return what
        time.sleep(0.01)
    raise TimeoutError(f"{what!r} of key {key!r} did not happen within {_WAIT_S:g} s")


def said(path: str, key: Any, what: str) -> str:
    """A call: it writes down that it begins and that it ends."""
    note(path, key, f"{what} begins")
    note(path, key, f"{what} ends")
    return what


def until_both(path: str, key: Any, mine: str, other: str) -> str:
    """Begin, and wait until the other call has begun: ends only where both run at the same time."""
    # Under another key, since which of the two begins first is nobody's promise.
    note(path, f"{key}, call {mine}", "begins")
    until(path, f"{key}, call {other}", "begins")
    return mine


def _write(path: str, line: dict[str, Any]) -> None:
    # One write, to the end of the file: lines of several threads stay whole.
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, (json.dumps(line) + "\n").encode())
    finally:
        os.close(descriptor)
