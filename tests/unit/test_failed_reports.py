"""Failures that pytest counts, and which of them the results explain."""

from __future__ import annotations

import pytest

from pytest_flink_agents.failed_reports import FailedReports
from pytest_flink_agents.gate import ItemResult, Outcome
from pytest_flink_agents.vocabulary import Tier


def report(node_id: str, outcome: str = "failed", *, xfail: bool = False) -> pytest.TestReport:
    made = pytest.TestReport(node_id, ("x", None, "x"), {}, outcome, None, "call")  # type: ignore[arg-type]
    if xfail:
        made.wasxfail = "known"
    return made


def result(outcome: str, *, tier: Tier | None = Tier.LOCAL, other_error: str = "") -> ItemResult:
    return ItemResult("a", "a", Outcome(outcome), tier, other_error=other_error)


@pytest.mark.parametrize(
    ("reports", "attempts", "failures", "unexplained"),
    [
        ([report("a")], [result("failed")], 1, 0),
        ([report("a"), report("b", "passed")], [result("not_run")], 1, 0),
        ([report("a", xfail=True)], [], 0, 0),
        # pytest-cov counts a failure of its own.
        ([report("a")], [result("failed")], 2, 1),
        # A hook failed the report of a scenario whose checks passed.
        ([report("a")], [result("passed")], 1, 1),
        ([report("b")], [result("failed")], 1, 1),
        # An error after a failure that a policy may accept.
        ([report("a"), report("a")], [result("failed")], 2, 1),
        ([report("a"), report("a")], [result("failed", other_error="boom")], 2, 0),
        ([report("a"), report("a")], [result("failed", tier=None)], 2, 0),
        # A plugin that repeats tests takes failures back.
        ([report("a")], [result("failed")], 0, 0),
    ],
)
def test_failures_without_a_result_are_counted(
    reports: list[pytest.TestReport], attempts: list[ItemResult], failures: int, unexplained: int
) -> None:
    counted = FailedReports()
    for each in reports:
        counted.pytest_runtest_logreport(each)
    assert counted.unexplained(failures, attempts) == unexplained
