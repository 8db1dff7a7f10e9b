"""Matchers: accepted and rejected values, mismatches, and mistakes."""

from __future__ import annotations

import math
from typing import Any

import pytest

from flink_testbed.core.patterns import TooSlowError
from pytest_flink_agents.scenario.matching.matchers import MatcherError, compile_matcher, is_plain
from pytest_flink_agents.scenario.matching.mismatch import ABSENT

ANY = {"any_value": True}

# An expected value, values that match it, values that do not.
CASES: list[tuple[Any, list[Any], list[Any]]] = [
    ("a", ["a"], ["A", "", None, ["a"], {"a": 1}]),
    (1, [1, 1.0], [2, "1", True, None]),
    (0, [0, 0.0], [False, None, ""]),
    (True, [True], [1, "true", False]),
    (None, [None], [0, "", False, {}]),
    ({}, [{}], [{"a": 1}, [], None]),
    ([], [[]], [[1], {}, None, ""]),
    ({"a": {"b": 1}}, [{"a": {"b": 1}}], [{"a": {"b": 2}}, {"a": {"b": 1, "c": 2}}, {"a": 1}, {}]),
    ([1, {"a": ANY}], [[1, {"a": []}]], [[1], [1, {"a": 1}, 3], [{"a": 1}, 1], {}]),
    ({"equals": 5}, [5], [6]),
    ({"equals": {"contains": "x"}}, [{"contains": "x"}], ["x", {"contains": "y"}, {}]),
    ({"equals": [{"not": 1}]}, [[{"not": 1}]], [[2], []]),
    ({"contains": "ok"}, ["it is ok", ["ok"]], ["OK", ["okay"], None, 5, {"ok": 1}]),
    ({"contains": {"a": 1}}, [{"a": 1}, {"a": 1, "b": 2}], [{"a": 2}, {"b": 1}, "a", [{"a": 1}]]),
    ({"contains": {"a": {"contains": "x"}}}, [{"a": "wxyz", "b": 0}], [{"a": "w"}, {}]),
    ({"contains": [1, {"regex": "^b"}]}, [["bc", 0, 1]], [[1], ["bc"], [], "1b", {"a": 1}]),
    ({"contains": 5}, [[5, 6]], [[6], 5, "5"]),
    ({"contains": {"regex": "^b"}}, [["a", "b"]], [["a"], "b", {"regex": "^b"}]),
    ({"contains": {"ge": 1, "lt": 3}}, [[0, 2]], [[0, 3], 2]),
    ({"partial": {"a": 1}}, [{"a": 1}, {"a": 1, "b": 2}], [{"a": 2}, {}, [{"a": 1}]]),
    ({"starts_with": "ap"}, ["ap", "apple"], ["Apple", " ap", 5, None, ["ap"]]),
    ({"gt": 5}, [5.5, 10**400], [5, 4, "6", True, None]),
    ({"ge": 5}, [5, 6], [4.9, "5", True]),
    ({"lt": 0}, [-1, -(10**400)], [0, "-1", False]),
    ({"le": 1.5}, [1.5, 0], [2, True]),
    ({"ge": 1, "lt": 5}, [1, 4.5], [5, 0.5, "2", {"ge": 1, "lt": 5}]),
    ({"le": 3, "gt": 2}, [3, 2.5], [2, 4]),
    ({"not": {"lt": 5}}, [5], [4, "5"]),
    ({"not": {"starts_with": "a"}}, ["b"], ["a", 5]),
    ({"schema": {"type": "string"}}, ["x"], [5, None, ["x"]]),
    ({"schema": {"type": "array", "items": {"type": "integer"}}}, [[], [1], (1, 2)], [["1"], [True], 1]),
    ({"schema": {"required": ["a"], "properties": {"a": {"pattern": "^x"}}}}, [{"a": "xy"}, 5], [{}, {"a": "yx"}]),
    ({"schema": {"if": {"type": "string"}, "then": {"minLength": 2}}}, ["ab", 5], ["a"]),
    ({"not": {"schema": {"type": "integer", "minimum": 5}}}, [4], [5, "4"]),
    ({"schema": {"type": "array", "contains": {"const": 1}, "minContains": 2}}, [[1, 1]], [[1], [1, 2]]),
    ({"schema": {"type": "object", "properties": {}, "additionalProperties": False}}, [{}], [{"a": 1}]),
    ({"schema": {"if": {"type": "string"}, "else": {"minimum": 2}}}, ["", 2], [1]),
    (
        {"schema": {"type": "number", "multipleOf": 0.01}},
        [19.99, 0.07, 10**400, -1.1, 1e308],
        [19.995, 0.1 + 0.2, math.nan, math.inf, "x"],
    ),
    ({"schema": {"multipleOf": 2}}, [4, 4.0, 10**400], [5, 4.5]),
    ({"regex": "^ap+r"}, ["approved"], ["not approved", 5, None, ["approved"]]),
    ({"approx": {"value": 20, "abs": 0.1}}, [20, 20.1, 19.9], [20.11, 19.8, "20", True, None, 10**400]),
    ({"approx": {"value": -100, "rel": 0.1}}, [-90, -110], [-89, -111, 100]),
    ({"one_of": ["a", {"regex": r"^\d$"}, None]}, ["a", "7", None], ["b", "77", 7, ["a"]]),
    ({"any_string": True}, ["", "x"], [1, None, True, []]),
    ({"any_number": True}, [0, -1.5], ["1", True, None]),
    ({"any_bool": True}, [True, False], [0, 1, "true", None]),
    (ANY, [None, 0, "", [], {}, {"a": 1}], []),
    ({"not": {"contains": "error"}}, ["fine", ["fine"]], ["an error", ["error"], 5, None]),
    ({"not": "a"}, ["b", ""], ["a", None, 5, ["b"], {}]),
    ({"not": 5}, [6, 5.5], [5, True, "6", None]),
    ({"not": True}, [False], [True, 0, "x"]),
    ({"not": None}, [0, "", [], {}], [None]),
    ({"not": {"regex": "^b"}}, ["a"], ["b", 5, ["a"]]),
    ({"not": {"approx": {"value": 20, "abs": 1}}}, [22], [20, "22"]),
    ({"not": {"any_string": True}}, [5, None, []], ["a"]),
    ({"not": {"one_of": ["a", 1]}}, ["b", 2], ["a", 1, None]),
    ({"not": {"length": 2}}, ["abc", []], ["ab", 2]),
    ({"not": {"each": {"any_number": True}}}, [[], ["a"]], [[1], 5]),
    ({"not": [1]}, [[], [2]], [[1], 1]),
    (
        {"not": {"status": "failed"}},
        [{"status": "ok"}],
        [{"status": "failed"}, "failed", {"state": "ok"}, {"status": 1}],
    ),
    ({"not": {"status": "failed"}}, [], [{"status": "ok", "amount": 5}]),
    ({"not": {"contains": {"status": "failed"}}}, [{"status": "ok", "amount": 5}], [{"amount": 5}]),
    ({"each": {"any_number": True}}, [[1], [1, 2]], [[], [1, "2"], 1, {"a": 1}]),
    ({"each": {"contains": {"a": 1}}}, [[{"a": 1, "b": 2}]], [[{"b": 2}]]),
    ({"length": 2}, ["ab", [1, 2], {"a": 1, "b": 2}], ["a", [], 2, None]),
    ({"length": 0}, ["", [], {}], ["a", [0], 0, None]),
    ({"length": {"min": 1, "max": 2}}, ["a", [1, 2]], ["", "abc"]),
    ({"length": {"min": 2}}, ["ab", "x" * 99], ["a"]),
    ({"length": {"max": 1}}, ["", "a"], ["ab"]),
    ({"length": 5, "width": 3}, [{"length": 5, "width": 3}], [{"length": 5}, "abcde"]),
]


@pytest.mark.parametrize(("expected", "matching", "other"), CASES)
def test_a_matcher_accepts_and_rejects_values(expected: Any, matching: list[Any], other: list[Any]) -> None:
    matcher = compile_matcher(expected)
    assert [seen for seen in matching if matcher.match(seen)] == []
    assert [seen for seen in other if not matcher.match(seen)] == []


def found(expected: Any, seen: Any) -> list[tuple[Any, ...]]:
    matcher = compile_matcher(expected, ("expect", "outputs", 0, "value"))
    return [(one.path[4:], one.expected_text, one.seen, one.at) for one in matcher.match(seen)]


def test_a_mismatch_has_its_place_in_scenario_and_value() -> None:
    expected = {"status": "approved", "items": [{"n": {"regex": "^a"}}, 2], "note": {"any_string": True}}
    seen = {"status": "denied", "items": [{"n": "b"}, 2, 3], "extra": 1}
    assert found(expected, seen) == [
        (("status",), '"approved"', "denied", ("status",)),
        (("items", 0, "n", "regex"), "a string that matches the pattern ^a", "b", ("items", 0, "n")),
        (("items",), "a list of 2", [{"n": "b"}, 2, 3], ("items",)),
        (("note", "any_string"), "any string", ABSENT, ("note",)),
        ((), 'no key "extra"', 1, ("extra",)),
    ]


def test_a_missing_item_and_a_wrong_item_of_each() -> None:
    assert found([1, 2], [1]) == [((1,), "2", ABSENT, (1,))]
    assert found({"each": {"any_number": True}}, [1, "2"]) == [(("each", "any_number"), "any number", "2", (1,))]
    schema = {"then": {"properties": {"a": {"type": "array", "items": {"maximum": 5}}}}, "if": {"type": "object"}}
    at = ("schema", "then", "properties", "a", "items", "maximum")
    assert found({"schema": schema}, {"a": [1, 9]}) == [(at, "maximum: 5", 9, ("a", 1))]
    assert found({"contains": [1, 9]}, [1]) == [(("contains", 1), "an item that is 9", [1], ())]


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ({"contains": {"a": 1}}, "a mapping with a: 1"),
        ({"contains": [1]}, "a list that contains 1"),
        ({"contains": "x"}, 'something that contains "x"'),
        ({"schema": {"type": "null"}}, 'a value of the schema {"type": "null"}'),
        ({"starts_with": "x"}, 'a string that starts with "x"'),
        ({"ge": 1}, "a number that is at least 1"),
        ({"gt": 1, "le": 2.5}, "a number that is greater than 1 and at most 2.5"),
        ({"approx": {"value": 20, "rel": 0.1}}, "20 give or take 2"),
        ({"one_of": ["a", None]}, 'one of "a", null'),
        ({"not": {"any_bool": True}}, "a value of the same kind, but not true or false"),
        ({"each": {"any_string": True}}, "a list, not empty, of any string"),
        ({"length": 3}, "a length of 3"),
        ({"length": {"min": 1}}, "a length of 1 or more"),
        ({"length": {"min": 1, "max": 4}}, "a length of 1 to 4"),
        ({"a": [1, {"any_value": True}]}, "{a: [1, anything]}"),
    ],
)
def test_matchers_describe_themselves(expected: Any, text: str) -> None:
    assert compile_matcher(expected).text == text


@pytest.mark.parametrize(
    "expected",
    [{"regex": "(.*a){12}x"}, {"not": {"regex": "(.*a){12}x"}}, {"schema": {"not": {"pattern": "(.*a){12}x"}}}],
)
def test_a_pattern_that_takes_too_long_neither_matches_nor_differs(expected: Any) -> None:
    with pytest.raises(TooSlowError):
        compile_matcher(expected).match("a" * 5000)


# An expected value, and the code and place of what is wrong with it.
WRONG: list[tuple[Any, str, tuple[str | int, ...]]] = [
    ({"contains": ""}, "FA209", ("contains",)),
    ({"contains": {}}, "FA209", ("contains",)),
    ({"contains": []}, "FA209", ("contains",)),
    ({"partial": {}}, "FA209", ("partial",)),
    ({"partial": [1]}, "FA203", ("partial",)),
    ({"starts_with": ""}, "FA209", ("starts_with",)),
    ({"starts_with": 5}, "FA203", ("starts_with",)),
    ({"start_with": "x"}, "FA209", ("start_with",)),
    ({"gt": "5"}, "FA203", ("gt",)),
    ({"le": True}, "FA203", ("le",)),
    ({"ge": 1, "lt": "5"}, "FA203", ("lt",)),
    ({"ge": 5, "lt": 5}, "FA209", ("lt",)),
    ({"gt": 1, "ge": 2}, "FA203", ()),
    ({"gt": 1, "ge": 1, "lt": 5}, "FA203", ()),
    (
        {"one_of": [{"lt": 5}, {"ge": 5}, {"any_string": True}, {"any_bool": True}, {"length": {"max": 9000}}]},
        "FA209",
        ("one_of",),
    ),
    ({"regex": ".*"}, "FA209", ("regex",)),
    ({"one_of": []}, "FA209", ("one_of",)),
    ({"one_of": ["a", ANY]}, "FA209", ("one_of",)),
    ({"not": ANY}, "FA209", ("not",)),
    ({"not": {"contian": "x"}}, "FA209", ("not", "contian")),
    ({"each": ANY}, "FA209", ("each",)),
    ({"contians": "x"}, "FA209", ("contians",)),
    ({"contains": {"regx": "x"}}, "FA209", ("contains", "regx")),
    ({"a": [{"lenght": 5}]}, "FA209", ("a", 0, "lenght")),
    ({"not": {"not": "x"}}, "FA209", ("not",)),
    (
        {"one_of": [{"any_string": True}, {"any_number": True}, {"any_bool": True}, {"length": {"max": 9000}}]},
        "FA209",
        ("one_of",),
    ),
    (
        {"one_of": [{"not": "zz"}, {"not": 71}, {"any_bool": True}, {"not": {"each": "zz"}}, {"length": {"max": 9}}]},
        "FA209",
        ("one_of",),
    ),
    ({"approx": {"value": 20, "abs": 1e308}}, "FA209", ("approx",)),
    ({"approx": {"value": 20, "rel": 2}}, "FA209", ("approx",)),
    ({"length": {"min": 0, "max": 10**9}}, "FA209", ("length",)),
    ({"length": {"min": 1, "max": 10**9}}, "FA203", ("length",)),
    ({"length": {"min": 0}}, "FA209", ("length",)),
    ({"length": {"min": 3, "max": 2}}, "FA209", ("length",)),
    ({"length": -1}, "FA209", ("length",)),
    ({"length": {}}, "FA203", ("length",)),
    ({"length": {"most": 3}}, "FA203", ("length",)),
    ({"length": "3"}, "FA203", ("length",)),
    ({"length": True}, "FA203", ("length",)),
    ({"regex": 5}, "FA203", ("regex",)),
    ({"regex": "(a+"}, "FA203", ("regex",)),
    ({"approx": 20}, "FA203", ("approx",)),
    ({"approx": {"value": 20}}, "FA203", ("approx",)),
    ({"approx": {"value": 20, "abs": 1, "rel": 1}}, "FA203", ("approx",)),
    ({"approx": {"value": "20", "abs": 1}}, "FA203", ("approx",)),
    ({"approx": {"value": 20, "abs": -1}}, "FA203", ("approx",)),
    ({"one_of": "a"}, "FA203", ("one_of",)),
    ({"any_string": False}, "FA203", ("any_string",)),
    ({"any_value": 1}, "FA203", ("any_value",)),
    ({"contains": "a", "regex": "b"}, "FA203", ()),
    ({"schema": "string"}, "FA203", ("schema",)),
    ({"schema": {}}, "FA203", ("schema",)),
    ({"schema": {"title": "anything"}}, "FA209", ("schema",)),
    ({"schema": {"requierd": ["a"]}}, "FA202", ("schema", "requierd")),
    ({"schema": {"items": {"allOf": [{"typ": "string"}]}}}, "FA202", ("schema", "items", "allOf", 0, "typ")),
    ({"schema": {"properties": {"a": {"format": "date"}}}}, "FA203", ("schema", "properties", "a", "format")),
    ({"schema": {"$ref": "#"}}, "FA203", ("schema", "$ref")),
    ({"schema": {"type": "text"}}, "FA203", ("schema", "type")),
    ({"schema": {"pattern": "(a+"}}, "FA203", ("schema", "pattern")),
    ({"schema": {"type": "string", "then": {"minLength": 2}}}, "FA209", ("schema", "then")),
    ({"schema": {"type": "string", "else": {"minLength": 2}}}, "FA209", ("schema", "else")),
    ({"schema": {"type": "string", "if": {"minLength": 2}}}, "FA209", ("schema", "if")),
    ({"schema": {"items": {"type": "array", "minContains": 2}}}, "FA209", ("schema", "items", "minContains")),
    ({"schema": {"type": "array", "maxContains": 2}}, "FA209", ("schema", "maxContains")),
    ({"schema": {"type": "array", "additionalItems": False}}, "FA202", ("schema", "additionalItems")),
    ({"schema": {"type": "string", "minimum": 2}}, "FA209", ("schema", "minimum")),
    ({"schema": {"type": ["object", "null"], "items": {"type": "string"}}}, "FA209", ("schema", "items")),
    ({"schema": {"not": {"type": "array", "required": ["a"]}}}, "FA209", ("schema", "not", "required")),
    ({"schema": {"type": "object", "required": []}}, "FA209", ("schema", "required")),
    ({"schema": {"type": "object", "properties": {}}}, "FA209", ("schema", "properties")),
    ({"a": [{"each": {"not": {"regex": ""}}}]}, "FA209", ("a", 0, "each", "not", "regex")),
]


@pytest.mark.parametrize(("expected", "code", "path"), WRONG)
def test_invalid_matchers_are_refused_at_their_place(expected: Any, code: str, path: tuple[str | int, ...]) -> None:
    with pytest.raises(MatcherError) as caught:
        compile_matcher(expected, ("value",))
    (mistake,) = caught.value.mistakes
    assert (mistake.code, mistake.path) == (code, ("value", *path))
    assert caught.value.problems[0].code == code


def test_all_mistakes_of_a_value_are_reported() -> None:
    with pytest.raises(MatcherError) as caught:
        compile_matcher({"a": {"regex": ""}, "b": [{"contains": ""}]})
    assert [problem.where for problem in caught.value.problems] == ["a.regex", "b[0].contains"]


def test_data_with_one_key_is_still_data() -> None:
    assert compile_matcher({"reach": 5}).match({"reach": 5}) == []
    assert compile_matcher({"equals": {"contian": "x"}}).match({"contian": "x"}) == []
    assert compile_matcher({"not": {"note": "x"}}).match({"note": "y"}) == []
    assert compile_matcher({"not": {"equals": {"contian": "x"}}}).match({"contian": "y"}) == []


@pytest.mark.parametrize(
    ("value", "plain"), [("a", True), (1, True), (None, True), (False, True), ({}, False), ([], False)]
)
def test_only_scalars_are_plain(value: Any, plain: bool) -> None:
    assert is_plain(value) is plain
