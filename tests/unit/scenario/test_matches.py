"""Matchers of the language in assertions."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pytest_flink_agents import matches
from pytest_flink_agents.scenario.matching.assertion import explained

APPROX = {"approx": {"value": 20, "abs": 0.5}}


@pytest.mark.parametrize(
    ("seen", "wanted", "equal"),
    [
        (3, 3, True),
        ("approved", {"contains": "prov"}, True),
        ("refused", {"contains": "prov"}, False),
        ({"total": 20.4, "at": 17}, {"contains": {"total": APPROX}}, True),
        ({"total": 20.4, "at": 17}, {"total": APPROX}, False),
        ([1, 2], {"each": {"any_number": True}}, True),
        ((1, 2), (1, 2), True),
        ({"a": [7]}, {"a": [matches({"one_of": [7, 8]})]}, True),
        (True, 1, False),
    ],
)
def test_a_value_equals_what_the_matcher_accepts(seen: Any, wanted: Any, equal: bool) -> None:
    assert (seen == matches(wanted)) is equal
    assert (matches(wanted) == seen) is equal
    assert (seen != matches(wanted)) is not equal


def test_a_failed_comparison_names_each_place_that_differs() -> None:
    wanted = matches({"total": APPROX, "said": {"regex": "^yes"}, "by": "ada"})
    lines = explained("==", {"total": 21, "said": "no"}, wanted)
    assert lines is not None
    assert lines[0].startswith('{"total": 21, "said": "no"} == matches({')
    assert lines[1:] == [
        "at total: expected 20 give or take 0.5, seen 21",
        'at said: expected a string that matches the pattern ^yes, seen "no"',
        'at by: expected "ada", seen nothing',
    ]
    assert explained("==", wanted, {"total": 21, "said": "no"}) == lines


def test_a_list_or_mapping_with_matchers_in_it_is_explained_as_well() -> None:
    wanted = [{"total": matches(APPROX), "by": "ada", "to": 1}, matches({"contains": "yes"}), 3]
    seen = [{"total": 21, "by": "bob", "at": 17}, "no"]
    lines = explained("==", seen, wanted)
    assert lines == explained("==", wanted, seen)
    assert lines is not None
    assert lines[0] == (
        '[{"total": 21, "by": "bob", "at": 17}, "no"] == '
        "[{'total': matches({'approx': {'value': 20, 'abs': 0.5}}), 'by': 'ada', 'to': 1}, matches({'contains': 'yes'}), 3]"
    )
    assert lines[1:] == [
        "at 0.total: expected 20 give or take 0.5, seen 21",
        'at 0.by: expected "ada", seen "bob"',
        "at 0.to: expected 1, seen nothing",
        "at 0.at: expected nothing, seen 17",
        'at 1: expected something that contains "yes", seen "no"',
        "at 2: expected 3, seen nothing",
    ]
    assert explained("==", [1, 2, 3], [matches({"gt": 0}), 2]) == [
        "[1, 2, 3] == [matches({'gt': 0}), 2]",
        "at 2: expected nothing, seen 3",
    ]


def test_other_comparisons_are_left_to_pytest() -> None:
    assert explained("==", 1, 2) is None
    assert explained("in", 1, matches(2)) is None


@pytest.mark.parametrize(
    "wanted",
    [
        {"contains": ""},
        {"regex": "("},
        {"contians": "x"},
        {"approx": 3},
        {"lt": math.inf},
        {"approx": {"value": math.inf, "abs": math.inf}},
        {"a": [math.nan]},
    ],
)
def test_what_is_no_matcher_or_cannot_fail_is_refused(wanted: Any) -> None:
    with pytest.raises(ValueError, match="matches: "):
        matches(wanted)
