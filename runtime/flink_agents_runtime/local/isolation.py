"""Run each request of the worker in a forked child process.

Modules, class attributes, module globals, ``os.environ``, the working directory and threads of one
scenario end with its child, so that the next scenario starts from the same state. A child that
dies takes nothing with it: its parent reports the action that ran and serves the next request. Fork
is used because a fresh interpreter would spend seconds on imports; the parent must have one thread
only, and imports everything that does not belong to a user.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import json
import logging
import math
import os
import secrets
import select
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from flink_agents_runtime.channel import RequestError, error_fields
from flink_agents_runtime.local.activity import Activity, Step, WatchedEngine

_CHUNK = 1 << 16
_POLL_S = 0.02
# Of the prints and log lines of one request this much is returned; all of it goes to the worker's log.
_OUTPUT_BYTES = 64 * 1024
_MAX_LOG_ERRORS = 100
_DETAIL_LINES = 30
_PR_SET_PDEATHSIG = 1
# The worker holds a dozen. The system's limit may be a billion, and some systems close one at a time.
_DESCRIPTORS = 4096
ChildHandler = Callable[[dict[str, Any]], dict[str, Any]]


class ChildDiedError(Exception):
    """The child ended without a reply; the message says how.

    ``out_of_time`` is set if it was killed at its time limit, ``by_system`` if SIGKILL came from
    elsewhere: most likely the system ran out of memory.
    """

    def __init__(self, how: str, step: Step | None, *, out_of_time: bool, by_system: bool) -> None:
        super().__init__(how)
        self.step = step
        self.out_of_time = out_of_time
        self.by_system = by_system


def run_in_child(
    handler: ChildHandler, request: dict[str, Any], *, margin_s: float
) -> tuple[dict[str, Any] | ChildDiedError, str]:
    """Run a handler in a child; return its result and its output.

    The result has the fields of the handler and ``log_errors``. Raises RequestError as the handler
    does. The handler keeps the deadline, the field ``deadline_s`` of the request, unless one call
    holds the interpreter: the child is killed ``margin_s`` after the deadline.
    """
    deadline_s = request.get("deadline_s")
    limit_s = None if deadline_s is None else deadline_s + margin_s
    activity = Activity()
    # The agent inherits the pipe of its own result: a line that it writes there is no reply.
    seal = secrets.token_hex(16).encode() + b" "
    with tempfile.TemporaryFile() as output, contextlib.closing(activity):
        reading, writing = os.pipe()
        # Otherwise the child would write the buffered text of its parent a second time.
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _run_child(handler, request, activity, output.fileno(), writing, seal)
        os.close(writing)
        try:
            ended = _wait_for(child, reading, limit_s, seal)
        finally:
            os.close(reading)
        text = _passed_on(output)
        if not ended.is_reply(seal):
            how = f"did not reply within {limit_s:g} s" if ended.killed else _how_it_ended(ended)
            by_system = not ended.killed and _signal_of(ended.status) == signal.SIGKILL
            return ChildDiedError(how, activity.last(), out_of_time=ended.killed, by_system=by_system), text
    reply = json.loads(ended.content.removeprefix(seal))
    if not reply["ok"]:
        raise RequestError(**reply["error"])
    result: dict[str, Any] = reply["result"]
    return result, text


def _run_child(
    handler: ChildHandler, request: dict[str, Any], activity: Activity, output: int, replies: int, seal: bytes
) -> None:
    """Run the handler, reply, and end the process."""
    try:
        _end_with_parent()
        os.dup2(output, 1)
        os.dup2(output, 2)
        _close_descriptors(but=replies)
        threading.excepthook = _log_death
        # A native crash then leaves the Python stacks of its threads in the output.
        faulthandler.enable(file=2)
        WatchedEngine.activity = activity
        errors = _LogErrors()
        logging.getLogger().addHandler(errors)
        try:
            reply = _line({"ok": True, "result": handler(request) | {"log_errors": errors.found}})
        except BaseException as error:
            reply = _line({"ok": False, "error": error_fields(error)})
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        with os.fdopen(replies, "wb") as file:
            file.write(seal + reply)
    finally:
        # Not sys.exit: threads that the scenario left behind would keep the process alive.
        os._exit(0)


def _close_descriptors(*, but: int) -> None:
    """Close the descriptors of the parent: an agent must not write to the channel of the harness."""
    os.closerange(3, but)
    os.closerange(but + 1, _DESCRIPTORS)


def _log_death(died: threading.ExceptHookArgs) -> None:
    """Log the exception that ended a thread of the scenario, as an error of the run."""
    if died.exc_type is SystemExit or died.exc_value is None:
        return
    name = died.thread.name if died.thread else "unknown"
    logging.getLogger(__name__).error(
        "the thread %s died: %s: %s", name, died.exc_type.__name__, died.exc_value, exc_info=died.exc_value
    )


def _line(reply: dict[str, Any]) -> bytes:
    return json.dumps(reply).encode() + b"\n"


def _end_with_parent() -> None:
    """Have Linux kill this process when its parent dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass(slots=True)
class _Ended:
    """The end of a child: its reply, exit status, and time-out."""

    content: bytearray = field(default_factory=bytearray)
    status: int = 0
    killed: bool = False

    def is_reply(self, seal: bytes) -> bool:
        """Return whether the content is the child's whole reply, and nothing else."""
        return self.content.startswith(seal) and self.content.endswith(b"\n")


def _wait_for(child: int, reading: int, limit_s: float | None, seal: bytes) -> _Ended:
    """Read the reply of a child until it has ended.

    The end of the pipe would not do: a process that the scenario started may keep it open.
    """
    ends_s = math.inf if limit_s is None else time.monotonic() + limit_s
    os.set_blocking(reading, False)
    ended = _Ended()
    while True:
        gone, ended.status = os.waitpid(child, os.WNOHANG)
        ended.content += _available(reading)
        if gone:
            return ended
        if ended.is_reply(seal):
            _, ended.status = os.waitpid(child, 0)
            return ended
        if not ended.killed and time.monotonic() >= ends_s:
            ended.killed = True
            os.kill(child, signal.SIGKILL)
        select.select([reading], [], [], _POLL_S)


def _available(reading: int) -> bytes:
    chunks = []
    with contextlib.suppress(BlockingIOError):
        while chunk := os.read(reading, _CHUNK):
            chunks.append(chunk)
    return b"".join(chunks)


def _signal_of(status: int) -> int | None:
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else None


def _how_it_ended(ended: _Ended) -> str:
    number = _signal_of(ended.status)
    if number is None and ended.content:
        return "wrote to the pipe that is for its result"
    if number is None:
        return f"ended with exit code {os.WEXITSTATUS(ended.status)}"
    known = {each.value: each.name for each in signal.Signals}
    return f"was ended by {known.get(number, f'signal {number}')}"


def _passed_on(output: BinaryIO) -> str:
    """Copy the child's output to the worker's log; return its tail."""
    size = output.seek(0, os.SEEK_END)
    output.seek(0)
    while chunk := output.read(_CHUNK):
        os.write(2, chunk)
    output.seek(max(0, size - _OUTPUT_BYTES))
    text = output.read().decode("utf-8", "replace")
    return text if size <= _OUTPUT_BYTES else f"(the first {size - _OUTPUT_BYTES:,} bytes are left out)\n{text}"


class _LogErrors(logging.Handler):
    """Collects log records of level ERROR and above, as ``{"line", "detail"}``."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[dict[str, str]] = []
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record as a first line and its detail."""
        if len(self.found) >= _MAX_LOG_ERRORS:
            return
        try:
            line, *detail = self.format(record).splitlines() or [""]
        except Exception:
            self.handleError(record)
            return
        self.found.append({"line": line, "detail": "\n".join(detail[:_DETAIL_LINES])})
