"""Patterns: which say nothing."""

from __future__ import annotations

import pytest

from pytest_flink_agents.scenario.matching.vacuous import always_found


@pytest.mark.parametrize(
    ("pattern", "always"),
    [
        ("", True),
        (".*", True),
        (".*?", True),
        (r"\d*", True),
        ("^", True),
        ("$", True),
        (r"^[\s\S]*$", True),
        ("a?", True),
        ("(x|)", True),
        (".", False),
        (".+", False),
        ("^$", False),
        (r"\d", False),
        ("^a?$", False),
    ],
)
def test_a_pattern_that_is_found_everywhere_is_known(pattern: str, always: bool) -> None:
    """Patterns that every text matches are told from those that some text does not."""
    assert always_found(pattern) is always
