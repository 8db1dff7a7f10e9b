"""Outputs against the expected ones, under each order."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_flink_agents.checks.finding import CheckResult, Validity
from pytest_flink_agents.checks.outputs import ExpectedOutput, check_outputs
from pytest_flink_agents.evidence.model import Evidence, Output
from pytest_flink_agents.scenario.matching.matchers import compile_matcher

ORDERS = ["strict", "per_key", "any"]
ANY_KEY = {"any_string": True}


def _expected(*pairs: tuple[Any, Any]) -> list[ExpectedOutput]:
    """Made as the run makes them, with the language's own matchers. A key in a mapping is a matcher."""
    return [
        ExpectedOutput(
            index,
            compile_matcher(value, ("expect", "outputs", index, "value")),
            value,
            key,
            compile_matcher(key) if isinstance(key, dict) else None,
        )
        for index, (key, value) in enumerate(pairs)
    ]


def _check(
    expected: list[tuple[Any, Any]], seen: list[tuple[Any, Any]], order: str, complete: bool = True
) -> CheckResult:
    evidence = Evidence("local", "2.2.1", "bundled", outputs=tuple(Output(*pair) for pair in seen), complete=complete)
    return check_outputs(_expected(*expected), order, evidence)


@pytest.mark.parametrize("order", ORDERS)
def test_the_expected_outputs_are_valid(order: str) -> None:
    pairs = [("a", 1), ("b", {"x": [1, 2]}), ("a", 2)]
    assert _check(pairs, pairs, order) == CheckResult("outputs", Validity.VALID)


@pytest.mark.parametrize("order", ORDERS)
def test_nothing_expected_and_nothing_seen_is_valid(order: str) -> None:
    assert _check([], [], order).validity is Validity.VALID
    assert _check([], [("a", 1)], order).validity is Validity.INVALID


@pytest.mark.parametrize(
    ("seen", "valid_under"),
    [
        ([("b", 3), ("a", 1), ("a", 2)], {"per_key", "any"}),
        ([("a", 2), ("a", 1), ("b", 3)], {"any"}),
        ([("a", 1), ("a", 2), ("b", 3)], {"strict", "per_key", "any"}),
    ],
)
@pytest.mark.parametrize("order", ORDERS)
def test_an_order_allows_only_its_permutations(order: str, seen: list[tuple[Any, Any]], valid_under: set[str]) -> None:
    result = _check([("a", 1), ("a", 2), ("b", 3)], seen, order)
    assert result.validity is (Validity.VALID if order in valid_under else Validity.INVALID)
    if order not in valid_under:
        assert "another order" in result.findings[0].message


@pytest.mark.parametrize("order", ORDERS)
def test_a_wrong_value_is_invalid_and_shows_where(order: str) -> None:
    result = _check([("a", 1), ("b", {"amount": 20, "ok": True})], [("a", 1), ("b", {"amount": 25, "ok": True})], order)
    assert result.validity is Validity.INVALID
    (finding,) = result.findings
    assert "output 2 is not as expected: at amount: expected 20, seen 25" in finding.message
    assert finding.path == ("expect", "outputs", 1)
    assert (finding.expected, finding.seen, finding.key) == (
        {"amount": 20, "ok": True},
        {"amount": 25, "ok": True},
        "b",
    )


@pytest.mark.parametrize("order", ORDERS)
def test_a_missing_field_is_reported_as_missing(order: str) -> None:
    result = _check([("a", {"x": 1})], [("a", {})], order)
    assert "at x: expected 1, seen nothing there" in result.findings[0].message


@pytest.mark.parametrize("order", ORDERS)
def test_a_missing_output_is_invalid_and_names_only_itself(order: str) -> None:
    result = _check([("a", 1), ("a", 2), ("a", 3)], [("a", 2), ("a", 3)], order)
    assert result.validity is Validity.INVALID
    (finding,) = result.findings
    assert finding.message.startswith("output 1 never came; the nearest that came: 2")
    assert finding.path == ("expect", "outputs", 0)


def test_a_missing_output_shows_the_nearest_of_its_key() -> None:
    pairs = [("a", {"x": 1, "y": 2}), ("a", {"x": 5, "y": 9}), ("b", {"x": 5, "y": 2})]
    result = _check([*pairs, ("a", {"x": 5, "y": 8})], pairs, "any")
    assert '{"x": 5, "y": 9}' in result.findings[0].message


def test_a_missing_output_of_a_key_without_outputs_is_reported_so() -> None:
    (finding,) = _check([("a", 1), ("b", 1)], [("a", 1)], "per_key").findings
    assert finding.message == "output 2 never came; no output of its key came"


@pytest.mark.parametrize("order", ORDERS)
def test_an_unexpected_output_is_invalid(order: str) -> None:
    result = _check([("a", 1)], [("a", 1), ("a", 7)], order)
    assert result.validity is Validity.INVALID
    (finding,) = result.findings
    assert (finding.path, finding.seen, finding.key) == (("expect", "outputs"), 7, "a")
    assert "unexpected output" in finding.message


@pytest.mark.parametrize("order", ORDERS)
def test_a_duplicate_is_invalid(order: str) -> None:
    assert _check([("a", 1)], [("a", 1), ("a", 1)], order).validity is Validity.INVALID


@pytest.mark.parametrize("order", ["strict", "any"])
def test_a_right_value_with_another_key_is_one_finding(order: str) -> None:
    (finding,) = _check([("a", 1)], [("b", 1)], order).findings
    assert finding.message == "output 1 came with another key"
    assert (finding.expected, finding.seen) == ({"key": "a", "value": 1}, {"key": "b", "value": 1})


@pytest.mark.parametrize("key", ["1", 1, True, None])
def test_keys_keep_their_type(key: Any) -> None:
    for other in ("1", 1, True, None):
        same = other is key
        assert (_check([(key, 0)], [(other, 0)], "per_key").validity is Validity.VALID) is same


def test_a_loose_matcher_leaves_the_output_of_a_strict_one() -> None:
    loose, strict = ("a", {"any_number": True}), ("a", 1)
    assert _check([loose, strict], [("a", 1), ("a", 2)], "any").validity is Validity.VALID


def test_many_equal_outputs_are_paired() -> None:
    pairs = [("a", 1)] * 1500
    assert _check(pairs, pairs, "any").validity is Validity.VALID


def test_a_key_matcher_accepts_every_key_that_fits() -> None:
    assert _check([(ANY_KEY, 1), ("a", 2)], [("z", 1), ("a", 2)], "per_key").validity is Validity.VALID
    assert _check([(ANY_KEY, 1)], [(5, 1)], "per_key").validity is Validity.INVALID


def test_a_key_matcher_keeps_the_order_of_other_keys() -> None:
    expected = [("a", 1), ("a", 2), (ANY_KEY, 3)]
    assert _check(expected, [("a", 1), ("b", 3), ("a", 2)], "per_key").validity is Validity.VALID
    result = _check(expected, [("a", 2), ("a", 1), ("b", 3)], "per_key")
    assert result.validity is Validity.INVALID
    assert "another order" in result.findings[0].message


def test_key_matchers_keep_the_order_within_a_key() -> None:
    expected = [(ANY_KEY, 1), (ANY_KEY, 2)]
    assert _check(expected, [("b", 2), ("a", 1)], "per_key").validity is Validity.VALID
    assert _check(expected, [("a", 2), ("a", 1)], "per_key").validity is Validity.INVALID


@pytest.mark.parametrize("order", ORDERS)
def test_missing_outputs_of_a_stopped_run_are_unknown(order: str) -> None:
    result = _check([("a", 1), ("a", 2)], [("a", 1)], order, complete=False)
    assert result.validity is Validity.UNKNOWN
    assert result.findings[0].path == ("expect", "outputs", 1)
    assert _check([("a", 1)], [], order, complete=False).validity is Validity.UNKNOWN


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seen", [("a", 9), ("c", 1)])
def test_wrong_outputs_of_a_stopped_run_are_invalid(order: str, seen: tuple[Any, Any]) -> None:
    expected = [("a", 1), ("b", 2)]
    assert _check(expected, [("b", 2), seen][::-1], order, complete=False).validity is Validity.INVALID


@pytest.mark.parametrize("order", ["strict", "per_key"])
def test_an_output_out_of_order_in_a_stopped_run_is_invalid(order: str) -> None:
    expected = [("a", 1), ("a", 2)]
    assert _check(expected, [("a", 2)], order, complete=False).validity is Validity.INVALID
    assert _check(expected, [("a", 2)], "any", complete=False).validity is Validity.UNKNOWN


def test_a_stopped_run_with_all_outputs_is_valid() -> None:
    assert _check([("a", 1)], [("a", 1)], "per_key", complete=False).validity is Validity.VALID


def test_a_long_value_is_shown_whole_or_not_at_all() -> None:
    secret = "s3cr3t-" + "x" * 300
    (finding,) = _check([("a", {"t": 1})], [("a", {"t": secret})], "any").findings
    assert "s3cr3t" not in finding.message
    assert finding.seen == {"t": secret}
