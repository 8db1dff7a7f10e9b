"""Requests and replies as JSON lines over a process's standard input and output.

The harness drives the processes in a job environment, the local worker and the submitter, through
this channel. Imports the standard library only: the descriptors must be moved before any other
import can print to them.

    -> {"id": 1, "op": "run", ...}
    <- {"id": 1, "ok": true, "result": {...}}   or   {"id": 1, "ok": false, "error": {"kind", "message", ...}}

``{"op": "stop"}`` or the end of standard input ends the loop.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

Handler = Callable[[dict[str, Any]], dict[str, Any]]


class RequestError(Exception):
    """A request that failed for a known reason; ``kind`` is "plan", "savepoint" or "request"."""

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        expected: str = "",
        seen: str = "",
        next_step: str = "",
        traceback: str = "",
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.expected = expected
        self.seen = seen
        self.next_step = next_step
        self.traceback = traceback


def serve(handlers: Mapping[str, Handler], hello: Callable[[], dict[str, Any]]) -> None:
    """Answer requests, one at a time and in order, until a stop request or the end of the input.

    Standard input and output are taken over first: afterwards prints go to standard error and reads
    return nothing. Then ``hello`` is called, which may do slow imports; its result is sent as
    ``{"ready": true, ...}``. A handler gets the whole request and returns the ``result``. The reply to
    a :class:`RequestError` has its fields; any other exception becomes kind "internal" with its
    traceback.
    """
    requests, replies = _take_over_stdio()
    with requests, replies, contextlib.suppress(BrokenPipeError):
        _send(replies, {"ready": True, **hello()})
        for line in requests:
            if not line.strip():
                continue
            reply, go_on = _answer(line, handlers)
            _send(replies, reply)
            if not go_on:
                return


def _take_over_stdio() -> tuple[BinaryIO, BinaryIO]:
    sys.stdout.flush()
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    # Python buffers prints to a file, and the last ones would be lost if the process is killed.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    return requests, replies


def _send(replies: BinaryIO, reply: dict[str, Any]) -> None:
    try:
        line = json.dumps(reply)
    except (TypeError, ValueError) as error:
        line = json.dumps({"id": reply.get("id"), "ok": False, "error": error_fields(error)})
    replies.write(line.encode() + b"\n")
    replies.flush()


def _answer(line: bytes, handlers: Mapping[str, Handler]) -> tuple[dict[str, Any], bool]:
    request_id = None
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise RequestError("request", "a request is a JSON object", seen=type(request).__name__)
        request_id = request.get("id")
        op = request.get("op")
        if op == "stop":
            return {"id": request_id, "ok": True, "result": {}}, False
        handler = handlers.get(op) if isinstance(op, str) else None
        if handler is None:
            raise RequestError("request", f"there is no operation {op!r}", expected=_known(str(op), handlers))
        return {"id": request_id, "ok": True, "result": handler(request)}, True
    except Exception as error:
        return {"id": request_id, "ok": False, "error": error_fields(error)}, True


def _known(op: str, handlers: Mapping[str, Handler]) -> str:
    names = sorted([*handlers, "stop"])
    near = difflib.get_close_matches(op, names, n=1)
    return f"{near[0]!r}" if near else "one of " + ", ".join(names)


def error_fields(error: BaseException) -> dict[str, str]:
    """Return the error as the fields of a reply, with the traceback of this process unless it has one."""
    fields = error if isinstance(error, RequestError) else RequestError("internal", f"{type(error).__name__}: {error}")
    return {
        "kind": fields.kind,
        "message": fields.message,
        "expected": fields.expected,
        "seen": fields.seen,
        "next_step": fields.next_step,
        "traceback": fields.traceback or "".join(traceback.format_exception(type(error), error, error.__traceback__)),
    }
