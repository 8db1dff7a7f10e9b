"""Regular expressions of other people, searched with a time limit: one that backtracks for ever is an answer, not a hang.

Python's own engine has no limit, so this is the ``regex`` package, which takes the same patterns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import regex

PATTERN_CHARACTERS = 500
SEARCH_S = 1.0


class TooSlowError(Exception):
    """A search passed its time limit."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern; ``text`` is how it was written."""

    text: str
    _compiled: regex.Pattern[str] = field(compare=False, repr=False)

    def is_found(self, subject: str) -> bool:
        """Whether the pattern is found anywhere in a text. Raises :class:`TooSlowError` after a second."""
        try:
            return self._compiled.search(subject, timeout=SEARCH_S) is not None
        except TimeoutError:
            raise TooSlowError(
                f"searching {len(subject):,} characters for {self.text!r} took longer than {SEARCH_S:g} s"
            ) from None


@lru_cache(maxsize=1024)
def compile_pattern(text: str) -> Pattern:
    """The pattern. Raises ``ValueError`` with the reason where it is wrong or longer than 500 characters."""
    if len(text) > PATTERN_CHARACTERS:
        raise ValueError(f"the pattern has {len(text)} characters, at most {PATTERN_CHARACTERS} are allowed")
    try:
        return Pattern(text, regex.compile(text))
    except (regex.error, RecursionError, OverflowError) as error:
        raise ValueError(f"the pattern does not compile: {error}") from None
