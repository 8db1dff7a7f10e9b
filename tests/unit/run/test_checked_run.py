"""The headline of a checked run."""

from __future__ import annotations

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.run.checked_run import CheckedRun

NOTE = CheckResult("delivery", Validity.VALID, (Finding("in flight at the kill: 1"),))
WRONG = CheckResult("effects", Validity.INVALID, (Finding("payments was called 3 times\nby key c-1"),))


def test_the_headline_is_the_first_finding_of_what_is_not_valid() -> None:
    evidence = Evidence("embedded", "2.2.1", "bundled")
    assert CheckedRun(evidence, (NOTE, WRONG), Validity.INVALID, "").headline == "payments was called 3 times"
    assert CheckedRun(evidence, (NOTE,), Validity.VALID, "").headline == ""
