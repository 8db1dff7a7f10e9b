"""Limits on regular expressions from scenario files."""

from __future__ import annotations

import contextlib
import time

import pytest

from flink_testbed.core.patterns import (
    PATTERN_CHARACTERS,
    SEARCH_S,
    UNROLLED_CHARACTERS,
    SearchBudget,
    TooSlowError,
    compile_pattern,
    unrolled_size,
)


@pytest.mark.parametrize(
    ("pattern", "subject"),
    [(r"^o-\d+$", "o-17"), ("(?i)approved", "APPROVED"), (r"(\d{1,3}\.){3}\d{1,3}", "at 127.0.0.1"), ("[[a]b]", "ab]")],
)
def test_patterns_match_as_in_the_standard_engine(pattern: str, subject: str) -> None:
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
def test_a_pattern_that_backtracks_exponentially_is_stopped(pattern: str, subject: str) -> None:
    """The engine recognises some of these patterns and answers at once."""
    started = time.monotonic()
    with contextlib.suppress(TooSlowError):
        assert not compile_pattern(pattern).is_found(subject)
    assert time.monotonic() - started < SEARCH_S + 30


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", "[z-a]", "x" * (PATTERN_CHARACTERS + 1)])
def test_invalid_and_long_patterns_are_refused_with_the_reason(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"does not compile|characters, at most"):
        compile_pattern(pattern)


def test_a_pattern_of_the_maximum_length_is_accepted() -> None:
    assert compile_pattern("x" * PATTERN_CHARACTERS)


@pytest.mark.parametrize(
    ("pattern", "size"),
    [
        ("abc", 3),
        (r"\{\[\(", 3),
        ("a{3}b", 4),
        ("(ab){3}", 6),
        ("(a{10}b){10}{2}", 220),
        ("(a{0,1000}){0,1000}", 1),
        ("[(a{9})]{2}x", 3),
        (r"[]\]a]{4}", 4),
        ("a{x}{,2}", 4),
        ("((a{5}", 5),
    ],
)
def test_the_unrolled_size_multiplies_nested_counts(pattern: str, size: int) -> None:
    assert unrolled_size(pattern) == size


@pytest.mark.parametrize("pattern", ["(a{1000}){1000}", "((a{99}){99}){99}", "(?:x?){99999999999}", "[ab]{20001}"])
def test_counts_that_unroll_to_a_huge_pattern_are_refused_at_once(pattern: str) -> None:
    started = time.monotonic()
    with pytest.raises(ValueError, match="counted repetitions"):
        compile_pattern(pattern)
    assert time.monotonic() - started < 1
    assert compile_pattern(f"a{{{UNROLLED_CHARACTERS}}}").is_found("a" * UNROLLED_CHARACTERS)


def test_searches_of_one_budget_end_together() -> None:
    slow, quick = compile_pattern("(.*a){12}x"), compile_pattern("^b")
    budget = SearchBudget(0.5)
    with budget:
        assert quick.is_found("b")
    with budget, pytest.raises(TooSlowError):
        slow.is_found("a" * 5000)
    with budget, pytest.raises(TooSlowError, match=r"took longer than 0\.5 s together"):
        quick.is_found("b")
    with budget, pytest.raises(ValueError, match=r"took longer than 0\.5 s together"):
        compile_pattern("never compiled before")
    assert quick.is_found("b")
