"""How an action's failure is told. Imports the standard library only."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

# Put before a failure's data where it travels as a line of text, in the exception of a job.
FAILURE_MARK = "flink-agents action failure: "
_OURS = str(Path(__file__).parent)
# So much of an input is told in a message.
_SHOWN = 200


class ActionFailure(Exception):
    """An action failed, and with it the job: as on Flink there is no skipping of an event.

    ``action`` and ``key`` say where, ``input`` is the JSON value whose run it was, ``original`` the exception (also
    ``__cause__``), ``message`` its text with the notes on it, and ``traceback_text`` its traceback from the action's own
    first line on.
    """

    def __init__(self, action: str, key: Any, input_value: Any, original: BaseException) -> None:
        kind = type(original).__name__
        self.message = "; ".join([str(original), *getattr(original, "__notes__", ())])
        super().__init__(
            f"action {action!r} failed for key {key!r}, input {_short(input_value)}: {kind}: {self.message}"
        )
        self.action = action
        self.key = key
        self.input = input_value
        self.original = original
        self.traceback_text = "".join(
            traceback.format_exception(type(original), original, _without_ours(original.__traceback__))
        )

    def as_json(self) -> dict[str, Any]:
        """The failure as plain data: ``action, key, input, type, message, traceback``."""
        return {
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


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without the engine's frames at its top; all of it where there are no others."""
    first = trace
    while first is not None and first.tb_frame.f_code.co_filename.startswith(_OURS):
        first = first.tb_next
    return first or trace
