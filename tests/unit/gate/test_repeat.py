"""Repeated scenarios: outcome, interval and attempts."""

from __future__ import annotations

import dataclasses

import pytest

from pytest_flink_agents.gate import ItemResult, Outcome, Policy, RunCounts, VerdictKind, decide, merge_attempts
from pytest_flink_agents.session_record import SessionRecord
from pytest_flink_agents.vocabulary import Tier


@pytest.mark.parametrize(
    ("runs", "outcome"),
    [
        (RunCounts(5, 5, 5), "passed"),
        (RunCounts(5, 5, 3), "passed"),
        (RunCounts(5, 4, 4), "flaky"),
        (RunCounts(5, 4, 4, unknown=1), "flaky"),
        (RunCounts(5, 4, 5), "failed"),
        (RunCounts(5, 4, 5, unknown=1), "unknown"),
        (RunCounts(5, 3, 5, unknown=1), "failed"),
        (RunCounts(5, 0, 1), "failed"),
        (RunCounts(5, 0, 5, unknown=5), "unknown"),
    ],
)
def test_the_outcome_follows_from_the_counts(runs: RunCounts, outcome: str) -> None:
    assert runs.outcome.value == outcome


# Wilson's interval as in Brown, Cai and DasGupta (2001), computed by hand to three digits.
@pytest.mark.parametrize(
    ("passed", "runs", "low", "high"),
    [(5, 5, 0.566, 1.0), (0, 5, 0.0, 0.434), (4, 5, 0.376, 0.964), (50, 100, 0.404, 0.596), (99, 100, 0.946, 0.998)],
)
def test_the_interval_is_wilsons(passed: int, runs: int, low: float, high: float) -> None:
    assert RunCounts(runs, passed, runs).interval() == pytest.approx((low, high), abs=0.001)


def test_counts_are_described_in_one_line() -> None:
    assert str(RunCounts(5, 3, 4, unknown=1)) == (
        "3 of 5 runs passed, 1 not judged; 4 must (pass rate 60%, 95 % interval 23% to 88%)"
    )
    assert str(RunCounts(5, 5, 4)) == "5 of 5 runs passed (pass rate 100%, 95 % interval 57% to 100%)"


def flaky(*, tolerated: bool = True, attempt: int = 1) -> ItemResult:
    return ItemResult(
        "x::a", "a", Outcome.FLAKY, tier=Tier.EMBEDDED, file="x", attempt=attempt, runs="4 of 5", tolerated=tolerated
    )


def test_a_scenario_that_passed_as_often_as_it_asks_for_is_promoted_with_a_remark() -> None:
    policy = Policy(tiers=(Tier.EMBEDDED,), named_tiers=(Tier.EMBEDDED,))
    assert decide([flaky()], policy).verdict is VerdictKind.PROMOTE
    assert decide([flaky(tolerated=False)], policy).verdict is VerdictKind.INCONCLUSIVE


def test_no_attempt_that_passed_hides_a_flaky_one() -> None:
    passed = dataclasses.replace(flaky(tolerated=False, attempt=2), outcome=Outcome.PASSED)
    assert merge_attempts([flaky(), passed]).outcome is Outcome.FLAKY
    failed = dataclasses.replace(flaky(tolerated=False), outcome=Outcome.FAILED)
    merged = merge_attempts([failed, flaky(attempt=2)])
    assert (merged.outcome, merged.tolerated) == (Outcome.FLAKY, False)


def test_an_error_at_teardown_replaces_a_tolerated_result() -> None:
    error = dataclasses.replace(flaky(tolerated=False), outcome=Outcome.NOT_RUN)
    (result,) = SessionRecord().with_result(flaky()).with_result(error).results()
    assert result.outcome is Outcome.NOT_RUN
