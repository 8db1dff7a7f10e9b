"""Lost, duplicated and reordered outputs."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_flink_agents.checks.delivery import AT_LEAST_ONCE, EXACTLY_ONCE, check_delivery
from pytest_flink_agents.checks.finding import CheckResult, Validity
from pytest_flink_agents.evidence.model import Evidence, Output

KEYS = ("a", 1, "a", "1")


def _check(
    numbers: list[int | None],
    guarantee: str = EXACTLY_ONCE,
    per_input: int = 1,
    keys: tuple[Any, ...] = KEYS,
    **fields: Any,
) -> CheckResult:
    outputs = tuple(Output(keys[n] if n is not None and n < len(keys) else None, {"of": n}, n) for n in numbers)
    given: dict[str, Any] = {"job_state": "FINISHED", "input_keys": keys, "outputs": outputs} | fields
    return check_delivery(guarantee, per_input, Evidence("embedded", "2.2.1", "bundled", **given))


@pytest.mark.parametrize("guarantee", [EXACTLY_ONCE, AT_LEAST_ONCE])
def test_each_input_once_is_valid(guarantee: str) -> None:
    assert _check([3, 1, 0, 2], guarantee) == CheckResult("delivery", Validity.VALID)


def test_a_lost_output_is_reported_with_its_input(guarantee: str = EXACTLY_ONCE) -> None:
    result = _check([0, 1, 3])
    assert result.validity is Validity.INVALID
    (finding,) = result.findings
    assert finding.message == 'output lost: input 2 of key "a" led to 0 outputs: the job did not send it'
    assert (finding.path, finding.key, finding.expected, finding.seen) == (
        ("expect", "delivery", "outputs"),
        "a",
        1,
        0,
    )


def test_a_duplicate_is_invalid_only_for_exactly_once() -> None:
    result = _check([0, 1, 2, 3, 0])
    assert [finding.message for finding in result.findings] == [
        'output duplicated: input 0 of key "a" led to 2 outputs: the job sent it more than once'
    ]
    assert result.validity is Validity.INVALID
    assert _check([0, 1, 2, 3, 0], AT_LEAST_ONCE).validity is Validity.VALID


@pytest.mark.parametrize("guarantee", [EXACTLY_ONCE, AT_LEAST_ONCE])
def test_the_first_output_out_of_order_of_each_key_is_reported(guarantee: str) -> None:
    result = _check([2, 0, 1, 3], guarantee)
    assert [finding.message for finding in result.findings] == [
        'output out of order: for key "a", the output of input 0 came after that of input 2: '
        "the job sent them in this order"
    ]
    assert result.validity is Validity.INVALID


def test_an_input_may_lead_to_more_than_one_output() -> None:
    assert _check([0, 0, 1, 1], per_input=2, keys=("a", "b")).validity is Validity.VALID
    messages = [finding.message for finding in _check([0, 0, 0, 1], per_input=2, keys=("a", "b")).findings]
    assert messages == [
        'output duplicated: input 0 of key "a" led to 3 outputs: the job sent it more than once',
        'output lost: input 1 of key "b" led to 1 outputs: the job did not send it',
    ]


def test_an_output_of_no_input_is_invalid() -> None:
    result = _check([0, 1, 2, 3, 7])
    assert (result.validity, result.findings[0].message) == (
        Validity.INVALID,
        "an output names input 7, which does not exist: the job sent it",
    )


@pytest.mark.parametrize(
    "fields", [{"complete": False, "job_state": "RUNNING"}, {"job_state": "FAILED"}, {"job_state": "CANCELED"}]
)
def test_missing_outputs_of_an_unfinished_run_are_unknown(fields: dict[str, Any]) -> None:
    assert _check([0, 1], **fields).validity is Validity.UNKNOWN
    assert _check([0, 1, 1], **fields).validity is Validity.INVALID


def test_outputs_without_a_number_are_unknown() -> None:
    result = _check([0, None])
    assert result.validity is Validity.UNKNOWN
    assert result.findings[0].message == "the outputs do not name the input that led to them"


def test_a_run_without_inputs_is_unknown() -> None:
    assert _check([], keys=()).validity is Validity.UNKNOWN


def test_many_findings_are_truncated_and_counted() -> None:
    result = _check([], keys=("a",) * 10_000)
    assert len(result.findings) == 20
    assert "led to 0 outputs (and 9980 more inputs)" in result.findings[0].message
