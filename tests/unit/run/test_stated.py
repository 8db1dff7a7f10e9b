"""The expectations of a Python test."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from pytest_flink_agents import matches
from pytest_flink_agents.run.stated import read_expect
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.loaded import LoadedScenario
from pytest_flink_agents.vocabulary import Tier


def read(tmp_path: Path, value: Any) -> LoadedScenario:
    """Return the expectation of one output."""
    expect = {"outputs": [{"key": "a", "value": value}]}
    return read_expect(expect, tier=Tier.LOCAL, llm=(), effects=(), project=Project(tmp_path))


@pytest.mark.parametrize(
    "value",
    ["a\x85b", "a \u2028 b", "\u2029", "\x7f", "\ufeff", "\uffff", "\U0001f600", 'a\n"\\u0041', 1e22, 10**30, None],
)
def test_every_value_is_expected_as_the_test_gives_it(value: Any, tmp_path: Path) -> None:
    (expected,) = read(tmp_path, value).outputs or ()
    assert not expected.value.match(value)
    assert expected.value.match("a b")


@pytest.mark.parametrize("value", [math.nan, -math.inf, "\ud800", {"x"}])
def test_what_is_no_json_is_refused(value: Any, tmp_path: Path) -> None:
    """NaN as the str "NaN" would pass an output with that text."""
    with pytest.raises(ValueError, match=r"^expect: "):
        read(tmp_path, value)


def test_matchers_of_assertions_may_stand_in_an_expectation(tmp_path: Path) -> None:
    (expected,) = read(tmp_path, {"total": matches({"gt": 1})}).outputs or ()
    assert not expected.value.match({"total": 2})
    assert expected.value.match({"total": 1})


def test_too_many_outputs_are_refused_with_a_way_that_a_test_has(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"compare evidence\.outputs"):
        read(tmp_path, list(range(30_000)))
