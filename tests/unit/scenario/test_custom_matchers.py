"""Matcher words that plugins add."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_flink_agents.checks.finding import CheckResult, Validity
from pytest_flink_agents.checks.judge import judge
from pytest_flink_agents.scenario.expectation.matchers import matchers_of
from pytest_flink_agents.scenario.matching.custom import CustomMatcherError
from pytest_flink_agents.scenario.matching.matchers import MatcherError, compile_matcher, compile_part

ADDED = {
    "divisible_by": lambda seen, wanted: seen % wanted == 0,
    "odd": lambda seen, wanted: "yes",
    "any": lambda *_: True,
}


@pytest.mark.parametrize(
    ("value", "seen", "matches"),
    [
        ({"divisible_by": 5}, 20, True),
        ({"divisible_by": 5}, 21, False),
        ({"total": {"divisible_by": 5}}, {"total": 20}, True),
        ({"each": {"divisible_by": 5}}, [5, 10], True),
        ({"each": {"divisible_by": 5}}, [5, 11], False),
        ({"not": {"divisible_by": 5}}, 21, True),
        ({"not": {"divisible_by": 5}}, 20, False),
        ({"contains": {"divisible_by": 5}}, [1, 5], True),
        ({"equals": {"divisible_by": 5}}, {"divisible_by": 5}, True),
    ],
)
def test_an_added_word_stands_wherever_a_matcher_may_stand(value: Any, seen: Any, matches: bool) -> None:
    assert (compile_matcher(value, (), ADDED).match(seen) == []) is matches
    assert (compile_part(value, (), ADDED).match(seen) == []) is matches


def test_without_the_plugin_the_word_is_data() -> None:
    assert compile_matcher({"divisible_by": 5}).match({"divisible_by": 5}) == []


def test_a_mismatch_shows_the_word_and_the_value() -> None:
    (mismatch,) = compile_matcher({"total": {"divisible_by": 5}}, ("expect",), ADDED).match({"total": 21})
    assert (mismatch.expected_text, mismatch.seen, mismatch.at) == ("divisible_by 5", 21, ("total",))
    assert mismatch.path == ("expect", "total", "divisible_by")


def test_a_mistyped_added_word_is_refused() -> None:
    with pytest.raises(MatcherError, match=r'did you mean "divisible_by"\?'):
        compile_matcher({"divisble_by": 5}, (), ADDED)


@pytest.mark.parametrize(("value", "text"), [({"divisible_by": 5}, "crashed: TypeError"), ({"odd": 1}, "returned str")])
def test_a_matcher_without_an_answer_is_unknown_even_when_negated(value: Any, text: str) -> None:
    for wanted in (value, {"not": value}):
        matcher = compile_matcher(wanted, (), ADDED)
        with pytest.raises(CustomMatcherError, match=text):
            matcher.match({})

        def check(matcher: Any = matcher) -> CheckResult:
            matcher.match({})
            return CheckResult("outputs", Validity.VALID)

        (result,) = judge({"outputs": check})
        assert result.validity is Validity.UNKNOWN
        assert text in result.findings[0].message


def test_an_added_matcher_that_accepts_everything_is_refused() -> None:
    _, mistakes = matchers_of({"outputs": {"each": {"any": 1}}}, ADDED)
    assert [mistake.code for mistake in mistakes] == ["FA209"]
    _, mistakes = matchers_of({"outputs": {"each": {"divisible_by": 5}}}, ADDED)
    assert mistakes == []


def test_a_matcher_that_changes_its_arguments_changes_no_evidence() -> None:
    def without_time(seen: Any, wanted: Any) -> bool:
        return bool(seen.pop("time") and seen == wanted.pop("value"))

    seen = {"n": 1, "time": 5}
    matcher = compile_matcher({"without_time": {"value": {"n": 1}}}, (), {"without_time": without_time})
    for _ in range(2):
        assert matcher.match(seen) == []
    assert seen == {"n": 1, "time": 5}
