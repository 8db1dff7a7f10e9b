"""Regular expressions from scenario files, searched with a time limit.

A pattern that backtracks exponentially is an error, not a hang. Python's own engine has no time
limit; the ``regex`` package has one and accepts the same patterns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import regex

PATTERN_CHARACTERS = 500
SEARCH_S = 1.0


class TooSlowError(Exception):
    """A search exceeded its time limit."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern; ``text`` is its source."""

    text: str
    _compiled: regex.Pattern[str] = field(compare=False, repr=False)

    def is_found(self, subject: str) -> bool:
        """Search ``subject``; raise :class:`TooSlowError` after a second."""
        try:
            return self._compiled.search(subject, timeout=SEARCH_S) is not None
        except TimeoutError:
            raise TooSlowError(
                f"searching {len(subject):,} characters for {self.text!r} took longer than {SEARCH_S:g} s"
            ) from None


@lru_cache(maxsize=1024)
def compile_pattern(text: str) -> Pattern:
    """Compile a pattern.

    Raises ``ValueError`` with the reason if it is invalid or longer than 500 characters.
    """
    if len(text) > PATTERN_CHARACTERS:
        raise ValueError(f"the pattern has {len(text)} characters, at most {PATTERN_CHARACTERS} are allowed")
    try:
        return Pattern(text, regex.compile(text))
    except (regex.error, RecursionError, OverflowError) as error:
        raise ValueError(f"the pattern does not compile: {error}") from None
