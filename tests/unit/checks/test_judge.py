"""All checks of one run."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_flink_agents.checks.finding import CheckResult, Validity
from pytest_flink_agents.checks.judge import judge, overall
from pytest_flink_agents.checks.outputs import ExpectedOutput, check_outputs
from pytest_flink_agents.evidence.model import Evidence, Output

VALID, INVALID, UNKNOWN = (CheckResult(str(validity.value), validity) for validity in Validity)


def test_results_keep_their_order() -> None:
    assert judge({"b": lambda: VALID, "a": lambda: INVALID}) == (VALID, INVALID)


def test_a_check_that_crashes_is_unknown_and_the_others_still_run() -> None:

    def crash() -> CheckResult:
        raise ZeroDivisionError("by nothing")

    crashed, other = judge({"crash": crash, "other": lambda: INVALID})
    assert (crashed.check, crashed.validity) == ("crash", Validity.UNKNOWN)
    assert "ZeroDivisionError: by nothing" in crashed.findings[0].message
    assert other is INVALID


def test_a_matcher_that_crashes_makes_the_outputs_unknown() -> None:

    class Broken:
        def match(self, seen: Any) -> list[Any]:
            raise RuntimeError("broken matcher")

    evidence = Evidence("local", "2.2.1", "bundled", outputs=(Output("a", 1),))
    expected = [ExpectedOutput(0, Broken(), 1, "a")]
    (result,) = judge({"outputs": lambda: check_outputs(expected, "any", evidence)})
    assert (result.check, result.validity) == ("outputs", Validity.UNKNOWN)


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ((VALID, VALID), Validity.VALID),
        ((VALID, UNKNOWN), Validity.UNKNOWN),
        ((UNKNOWN, INVALID), Validity.INVALID),
        ((), Validity.UNKNOWN),
    ],
)
def test_the_worst_result_decides_and_no_result_is_unknown(
    results: tuple[CheckResult, ...], expected: Validity
) -> None:
    assert overall(results) is expected
