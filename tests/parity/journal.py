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
    """Return the journal's path for a call, which must not use the context."""
    return str(ctx.config.get_str(OPTION, os.devnull))


def key_of(event: Event) -> Any:
    """Return the key in the attributes of an event, or in its fields with flink-agents 0.1."""
    fields = vars(event).get("attributes") or vars(event)
    return (fields.get("input") or fields)["key"]


def did(ctx: RunnerContext, event: Event, what: str) -> None:
    """Write that an action ran."""
    note(journal_of(ctx), key_of(event), what)


def saw(ctx: RunnerContext, event: Event, **memory: Any) -> None:
    """Write the value that an action read from memory."""
    _write(journal_of(ctx), {"key": key_of(event), "memory": memory})


def note(path: str, key: Any, what: str) -> None:
    """Write for a call, which has no context."""
    _write(path, {"key": key, "action": what})


def until(path: str, key: Any, what: str) -> str:
    """Wait until the journal has ``what`` for ``key``, to force an order of calls."""
    wanted = {"key": key, "action": what}
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        lines = Path(path).read_text(encoding="utf-8").splitlines() if Path(path).exists() else []
        if wanted in (json.loads(line) for line in lines):
            return what
        time.sleep(0.01)
    raise TimeoutError(f"{what!r} of key {key!r} did not happen within {_WAIT_S:g} s")


def said(path: str, key: Any, what: str) -> str:
    """Write the begin and the end of a call."""
    note(path, key, f"{what} begins")
    note(path, key, f"{what} ends")
    return what


def until_both(path: str, key: Any, mine: str, other: str) -> str:
    """Begin, and wait for the begin of the other call: both must run at the same time."""
    # Under another key, because either of the two may begin first.
    note(path, f"{key}, call {mine}", "begins")
    until(path, f"{key}, call {other}", "begins")
    return mine


def _write(path: str, line: dict[str, Any]) -> None:
    # A single write in append mode, which keeps the lines of several threads intact.
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, (json.dumps(line) + "\n").encode())
    finally:
        os.close(descriptor)
