"""Regular expressions from scenario files, with limits on size and time.

A pattern that backtracks exponentially is an error, not a hang. Python's own engine has no time
limit; the ``regex`` package has one and accepts the same patterns. It has none for compiling, and
unrolls counted repetition there, so the unrolled size is computed before.
"""

from __future__ import annotations

import re
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from functools import lru_cache

import regex

from flink_testbed.core import clock

PATTERN_CHARACTERS = 500
# Compiling (a{1000}){1000} would take seconds and hundreds of MB.
UNROLLED_CHARACTERS = 20_000
SEARCH_S = 1.0
_COUNT = re.compile(r"\{(\d*)(?:,\d*)?\}")


class TooSlowError(Exception):
    """A search exceeded its time limit."""


class SearchBudget:
    """Time that all patterns of a scenario share, for compiling and searching.

    Each search alone is limited, but sixty slow rules would still take minutes. Used as a context
    manager, repeatedly, for the searches inside the block; the blocks must not overlap in time.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.left_s = seconds
        self._tokens: list[Token[SearchBudget | None]] = []

    def __enter__(self) -> None:
        self._tokens.append(_budget.set(self))

    def __exit__(self, *_: object) -> None:
        _budget.reset(self._tokens.pop())


_budget: ContextVar[SearchBudget | None] = ContextVar("search budget", default=None)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern; ``text`` is its source."""

    text: str
    _compiled: regex.Pattern[str] = field(compare=False, repr=False)

    def is_found(self, subject: str) -> bool:
        """Search ``subject``.

        Raises :class:`TooSlowError` after a second, or if the :class:`SearchBudget` in use is spent.
        """
        budget = _budget.get()
        if budget is not None and budget.left_s <= 0:
            raise TooSlowError(f"the patterns of this scenario took longer than {budget.seconds:g} s together")
        limit_s = min(SEARCH_S, budget.left_s) if budget is not None else SEARCH_S
        started = clock.now_s()
        try:
            return self._compiled.search(subject, timeout=limit_s) is not None
        except TimeoutError:
            raise TooSlowError(
                f"searching {len(subject):,} characters for {self.text!r} took longer than {limit_s:.2g} s"
            ) from None
        finally:
            if budget is not None:
                budget.left_s -= clock.now_s() - started


@lru_cache(maxsize=1024)
def compile_pattern(text: str) -> Pattern:
    """Compile a pattern.

    Raises ``ValueError`` with the reason if it is invalid, longer than 500 characters, too large
    once its counted repetitions are unrolled, or if the :class:`SearchBudget` in use is spent.
    """
    if len(text) > PATTERN_CHARACTERS:
        raise ValueError(f"the pattern has {len(text)} characters, at most {PATTERN_CHARACTERS} are allowed")
    if unrolled_size(text) > UNROLLED_CHARACTERS:
        raise ValueError(
            f"its counted repetitions unroll to more than {UNROLLED_CHARACTERS:,} characters; lower the counts"
        )
    budget = _budget.get()
    if budget is not None and budget.left_s <= 0:
        raise ValueError(f"the patterns of this scenario took longer than {budget.seconds:g} s together")
    started = clock.now_s()
    try:
        return Pattern(text, regex.compile(text))
    except (regex.error, RecursionError, OverflowError) as error:
        raise ValueError(f"the pattern does not compile: {error}") from None
    finally:
        if budget is not None:
            budget.left_s -= clock.now_s() - started


def unrolled_size(text: str) -> int:
    """Return the size of a pattern with its counted repetitions unrolled.

    An estimate: each character counts, inside a set only once.
    """
    # For each open group: its size so far, and the size of its last part, which a count multiplies.
    groups = [[0, 0]]
    position = 0
    while position < len(text):
        character = text[position]
        counted = _COUNT.match(text, position) if character == "{" else None
        if counted:
            size = groups[-1][1]
            groups[-1][0] += size * (max(1, int(counted[1] or 0)) - 1)
            groups[-1][1] = size * max(1, int(counted[1] or 0))
            position = counted.end()
            continue
        if character == "(":
            groups.append([0, 0])
        elif character == ")" and len(groups) > 1:
            size = groups.pop()[0]
            groups[-1] = [groups[-1][0] + size, size]
        else:
            groups[-1] = [groups[-1][0] + 1, 1]
        position = _end_of_set(text, position) if character == "[" else position + 1 + (character == "\\")
    return sum(size for size, _ in groups)


def _end_of_set(text: str, start: int) -> int:
    """Return the position after the set ``[...]`` that begins at ``start``."""
    position = start + 1
    # A bracket that comes first is part of the set: []a] and [^]a].
    position += text.startswith("^", position)
    position += text.startswith("]", position)
    while position < len(text) and text[position] != "]":
        position += 1 + (text[position] == "\\")
    return position + 1
