"""Mistakes in a scenario, by their place in the document.

Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flink_testbed.core.problem import Problem, ProblemError

DocumentPath = tuple[str | int, ...]
NOT_YET = "a word of the language that this version does not support yet"

_SHOWN_CHARACTERS = 80
_SHOWN_KEYS = 8


class ScenarioError(ProblemError):
    """One or more scenarios are invalid; nothing was started."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A problem whose place is a path in a document.

    ``at_key`` places it at the key instead of the key's value. The other fields are those of
    :class:`~flink_testbed.core.problem.Problem`.
    """

    code: str
    path: DocumentPath
    message: str
    expected: str = ""
    seen: str = ""
    next_step: str = ""
    at_key: bool = False

    @property
    def problem(self) -> Problem:
        """The mistake with its path as the place: without a document there is no line."""
        return Problem(self.code, self.message, path_text(self.path), self.expected, self.seen, self.next_step)


def path_text(path: DocumentPath) -> str:
    """Return a path as text, like ``expect.outputs[0].value``; empty for the document itself."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{shorten(step)}" for step in path)
    return text.removeprefix(".")


def shorten(text: str) -> str:
    """Return at most 80 characters of a text, on one line.

    Control characters are escaped.
    """
    shown = text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in shown)


def describe(value: Any) -> str:
    """Return a short description of a value on one line."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, str):
        return f'the string "{shorten(value)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {shorten(str(value))}"
    if isinstance(value, dict):
        keys = ", ".join(shorten(str(key)) for key in list(value)[:_SHOWN_KEYS])
        more = ", ..." if len(value) > _SHOWN_KEYS else ""
        return f"a mapping of {keys}{more}" if value else "an empty mapping"
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}" if value else "an empty list"
    return shorten(repr(value))
