"""Bounds for texts that people read.

Each cut names the file that holds the whole text.
"""

from __future__ import annotations

_LINE = 500
_FIRST_LINES, _LAST_LINES = 200, 60


def shorten(text: str, whole: str = "", *, line: int = _LINE) -> str:
    """Return the text without the ends of long lines and the middle of many lines.

    Mask secrets first: a part of a secret is not recognised any more. ``whole`` is the path of the uncut data.
    """
    where = f", all in {whole}" if whole else ""
    lines = text.splitlines()
    left_out = len(lines) - _FIRST_LINES - _LAST_LINES
    if left_out > 0:
        lines = [*lines[:_FIRST_LINES], f"... {left_out} more lines{where}", *lines[-_LAST_LINES:]]
    return "\n".join(_cut(each, line, where) for each in lines)


def shorten_line(text: str, limit: int = _LINE) -> str:
    """Return the first line of a text, at most ``limit`` characters of it."""
    return _cut(text.partition("\n")[0], limit, "")


def _cut(line: str, limit: int, where: str) -> str:
    return line if len(line) <= limit else f"{line[:limit]}... {len(line) - limit} more characters{where}"
