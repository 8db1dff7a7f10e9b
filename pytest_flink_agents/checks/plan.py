"""The plan of the run against what the other language has read. Pure."""

from __future__ import annotations

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.evidence.plan_reading import PlanReading
from pytest_flink_agents.plan.differences import as_text

NAME = "plan: round trip"
# An agent with many resources may lose the same field of each.
_SHOWN = 10
_LIMIT = 300


def check_plan(reading: PlanReading) -> CheckResult:
    """Return *invalid* if the language that runs the plan read another one than was written.

    A language that does not run it decides nothing.
    """
    if not reading.needed:
        return CheckResult(NAME, Validity.VALID)
    findings = [
        Finding(
            f"FA233: {reading.reader} reads {difference.path} of the plan otherwise than it was written",
            ("agent",),
            as_text(difference.expected)[:_LIMIT],
            as_text(difference.seen)[:_LIMIT],
        )
        for difference in reading.differences[:_SHOWN]
    ]
    if len(reading.differences) > _SHOWN:
        findings.append(Finding(f"{len(reading.differences) - _SHOWN} more differences", ("agent",)))
    if reading.error:
        findings.append(Finding(f"FA233: {reading.reader} cannot read the plan", ("agent",), seen=reading.error))
    return CheckResult(NAME, Validity.INVALID if findings else Validity.VALID, tuple(findings))
