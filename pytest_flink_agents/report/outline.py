"""Readable JSON without the cost of indenting large values.

Python's encoder takes a second for a megabyte if it indents. Here the upper levels of a document are
indented, and so is each value below them unless it is large: then it is one line, which an editor folds
no worse than a hundred thousand lines.
"""

from __future__ import annotations

import json
from typing import Any

from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.redact.compact import compact, parts_of

# The levels of evidence above the values of an agent: evidence, outputs, one output.
_LEVELS = 4
_LARGE_CHARACTERS = 20_000
_INDENT = "  "


def readable(value: Any, redactor: Redactor) -> str:
    """Return the value as JSON without secrets."""
    try:
        is_small = len(compact(value)) <= _LARGE_CHARACTERS
    except (TypeError, ValueError, RecursionError):  # not JSON before it is redacted
        is_small = False
    return _below(redactor.json(value), "\n") if is_small else _outlined(value, redactor, _LEVELS, "\n")


def _outlined(value: Any, redactor: Redactor, levels: int, margin: str) -> str:
    """Return the value with its upper levels indented; ``margin`` begins each line but the first."""
    parts = parts_of(value) if levels else None
    if not parts:
        return _below(redactor.json(value), margin)
    inner = margin + _INDENT
    if isinstance(parts, list):
        return "[" + ",".join(inner + _outlined(part, redactor, levels - 1, inner) for part in parts) + margin + "]"
    fields = {redactor.data(str(key)): part for key, part in parts.items()}
    lines = (
        f"{inner}{redactor.json(name)}: {_outlined(part, redactor, levels - 1, inner)}" for name, part in fields.items()
    )
    return "{" + ",".join(lines) + margin + "}"


def _below(text: str, margin: str) -> str:
    """Return the text of a value, indented unless it is large or has no lines."""
    if text[0] not in "[{" or len(text) > _LARGE_CHARACTERS:
        return text
    # A line break in a JSON text is one between two parts: those in strings are escaped.
    return json.dumps(json.loads(text), indent=_INDENT, ensure_ascii=False).replace("\n", margin)
