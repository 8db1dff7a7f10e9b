"""Patterns of other people: which are taken, and that none of them hangs."""

from __future__ import annotations

import contextlib
import time

import pytest

from flink_testbed.core.patterns import PATTERN_CHARACTERS, SEARCH_S, TooSlowError, compile_pattern


@pytest.mark.parametrize(
    ("pattern", "subject"),
    [(r"^o-\d+$", "o-17"), ("(?i)approved", "APPROVED"), (r"(\d{1,3}\.){3}\d{1,3}", "at 127.0.0.1"), ("[[a]b]", "ab]")],
)
def test_usual_patterns_are_found(pattern: str, subject: str) -> None:
    """What people write to recognise a text works as in Python's own engine."""
    assert compile_pattern(pattern).is_found(subject)
    assert not compile_pattern(pattern).is_found("")


@pytest.mark.parametrize(
    ("pattern", "subject"),
    [
        ("(a|a)+$", "a" * 60 + "!"),
        ("(a*){50}b", "a" * 60 + "!"),
        ("a*a*a*a*b", "a" * 5000 + "!"),
        ("(.*a){12}x", "a" * 400),
    ],
)
def test_no_pattern_hangs(pattern: str, subject: str) -> None:
    """A pattern that backtracks for ever is told after about a second; one that the engine sees through just answers."""
    started = time.monotonic()
    with contextlib.suppress(TooSlowError):
        assert not compile_pattern(pattern).is_found(subject)
    assert time.monotonic() - started < SEARCH_S + 30


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", "[z-a]", "x" * (PATTERN_CHARACTERS + 1)])
def test_wrong_and_long_patterns_are_refused_with_the_reason(pattern: str) -> None:
    """A pattern that does not compile, or is too long, says so."""
    with pytest.raises(ValueError, match=r"does not compile|characters, at most"):
        compile_pattern(pattern)


def test_the_longest_pattern_is_taken() -> None:
    """The limit itself is allowed."""
    assert compile_pattern("x" * PATTERN_CHARACTERS)
