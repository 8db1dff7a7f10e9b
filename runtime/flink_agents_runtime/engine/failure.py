"""How an action's failure is told. Imports the standard library only."""

from __future__ import annotations

import concurrent.futures
import threading
import traceback
from pathlib import Path
from typing import Any

# Put before a failure's data where it travels as a line of text, in the exception of a job.
FAILURE_MARK = "flink-agents action failure: "
# What an action's failure does, whatever it was.
RULE = "an action that fails, fails the job, as on Flink: no input is passed over"
# Whose frames tell nobody anything: the runtime's, and those of threads and of the futures that carry an exception over.
_MACHINERY = (
    str(Path(__file__).parents[1]),
    str(Path(concurrent.futures.__file__).parent),
    threading.__file__,
)
# So much of an input is told in a message.
_SHOWN = 200


class ActionFailure(Exception):
    """An action failed, and with it the job: as on Flink there is no skipping of an event.

    ``agent``, ``action`` and ``key`` say where, ``input`` is the JSON value whose run it was, ``original`` the exception
    (also ``__cause__``), ``message`` its text with the notes on it, and ``traceback_text`` its traceback without frames of
    the engine.
    """

    def __init__(self, action: str, key: Any, input_value: Any, original: BaseException, *, agent: str = "") -> None:
        kind = type(original).__name__
        self.message = "; ".join(filter(None, [str(original), *getattr(original, "__notes__", ())]))
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
        told = traceback.TracebackException.from_exception(original)
        _leave_machinery_out(told)
        self.traceback_text = "".join(told.format())

    def as_json(self) -> dict[str, Any]:
        """The failure as plain data: ``agent, action, key, input, type, message, traceback``."""
        return {
            "agent": self.agent,
            "action": self.action,
            "key": self.key,
            "input": self.input,
            "type": type(self.original).__name__,
            "message": self.message,
            "traceback": self.traceback_text,
        }


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _leave_machinery_out(told: traceback.TracebackException) -> None:
    """Of the exception and those that led to it; where there are no other frames, all stay."""
    own = [frame for frame in told.stack if not frame.filename.startswith(_MACHINERY)]
    if own:
        told.stack[:] = own
    for earlier in (told.__cause__, told.__context__):
        if earlier is not None:
            _leave_machinery_out(earlier)
