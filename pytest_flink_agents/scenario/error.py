"""What is wrong with a scenario, first by its place in the document, then by file, line and column.

Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flink_testbed.core.problem import ProblemError

DocumentPath = tuple[str | int, ...]
NOT_YET = "a known word of the language, not supported by this version yet"

_SHOWN_CHARACTERS = 80
_SHOWN_KEYS = 8


class ScenarioError(ProblemError):
    """One or more scenarios cannot be used; nothing was started."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A problem whose place is a path in a document.

    ``at_key`` puts it at the key itself, not at the key's value. The other fields are those of
    :class:`~flink_testbed.core.problem.Problem`.
    """

    code: str
    path: DocumentPath
    message: str
    expected: str = ""
    seen: str = ""
    next_step: str = ""
    at_key: bool = False


def path_text(path: DocumentPath) -> str:
    """Return a path as people write it: ``expect.outputs[0].value``; empty for the document itself."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{shorten(step)}" for step in path)
    return text.removeprefix(".")


def shorten(text: str) -> str:
    """At most 80 characters of a text, on one line, with nothing in it that a terminal would obey."""
    shown = text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in shown)


def describe(value: Any) -> str:
    """Return a value and its kind in a few words, never more than a line."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, str):
        return f'the text "{shorten(value)}"'
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
