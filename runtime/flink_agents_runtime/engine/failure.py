"""The failure of an action. Imports the standard library only."""

from __future__ import annotations

import concurrent.futures
import threading
import traceback
from pathlib import Path
from typing import Any

# Marks the line of a job's exception that holds the failure as JSON.
FAILURE_MARK = "flink-agents action failure: "
# The consequence of every failure, part of its message.
RULE = "an action that fails, fails the job, as on Flink: no input is skipped"
# Frames of these files are left out of tracebacks: the runtime, threads, and futures, which pass an
# exception on from another thread. Bytecode in a zip file has another name of its file than the module.
_MACHINERY = (
    str(Path((lambda: None).__code__.co_filename).parents[1]),
    str(Path(concurrent.futures.__file__).parent),
    threading.__file__,
)
# Maximum length of an input in a message.
_SHOWN = 200


class ActionFailure(Exception):
    """The failure of an action, which fails the job: as on Flink, no event is skipped.

    ``input`` is the JSON value of the run in flight, ``original`` the exception (also ``__cause__``),
    ``message`` its text with its notes, and ``traceback_text`` its traceback without frames of the
    engine.
    """

    def __init__(self, action: str, key: Any, input_value: Any, original: BaseException, *, agent: str = "") -> None:
        kind = type(original).__name__
        notes = map(str, getattr(original, "__notes__", ()))
        self.message = encodable("; ".join(filter(None, [text_of(original), *notes])))
        whose = f" of agent {agent!r}" if agent else ""
        super().__init__(
            f"action {action!r}{whose} failed for key {key!r}, input {_short(input_value)}: {kind}: {self.message} "
            f"({RULE})"
        )
        self.agent = agent
        self.action = action
        self.key = key
        self.input = input_value
        self.original = original
        trace = traceback.TracebackException.from_exception(original)
        _drop_machinery(trace)
        self.traceback_text = encodable("".join(trace.format()))

    def as_json(self) -> dict[str, Any]:
        """Return the failure as ``agent, action, key, input, type, message, traceback``."""
        return {
            "agent": self.agent,
            "action": self.action,
            "key": self.key,
            "input": self.input,
            "type": type(self.original).__name__,
            "message": self.message,
            "traceback": self.traceback_text,
        }


def text_of(error: BaseException) -> str:
    """Return ``str(error)``, or a replacement if the ``__str__`` of its class fails."""
    try:
        return str(error)
    except Exception as reason:
        return f"(no message: __str__ raised {type(reason).__name__})"


def encodable(text: str) -> str:
    """Return the text with lone surrogates escaped: no file or terminal would take them."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _short(value: Any) -> str:
    try:
        text = encodable(repr(value))
    except Exception as reason:
        text = f"(no repr: {type(reason).__name__})"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _drop_machinery(trace: traceback.TracebackException) -> None:
    """Drop the engine's frames from an exception and its causes, unless no other frame remains."""
    own = [frame for frame in trace.stack if not frame.filename.startswith(_MACHINERY)]
    if own:
        trace.stack[:] = own
    for earlier in (trace.__cause__, trace.__context__):
        if earlier is not None:
            _drop_machinery(earlier)
