"""The breaks of ``make break-rules`` fit the source as it is: whoever changes it is told at once, not at the next run."""

from __future__ import annotations

from tests.break_each_rule import all_breaks, proven_rules, times_in_source


def test_every_break_fits_the_source() -> None:
    """Its text is there, once."""
    assert {each: times_in_source(each) for _, each in all_breaks() if times_in_source(each) != 1} == {}


def test_every_rule_is_broken_and_every_break_is_of_a_rule() -> None:
    """By the names of their proofs."""
    assert {proof for proof, _ in all_breaks()} == set(proven_rules())
