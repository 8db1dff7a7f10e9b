"""The check of the configuration of a run's cluster."""

from __future__ import annotations

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.evidence.model import Evidence

# The beginning of the note of an option that the cluster got and does not report.
NOT_TAKEN = "the cluster did not take it"


def check_configuration(evidence: Evidence) -> CheckResult:
    """Return *unknown* if the cluster ran without an option that it was given.

    Never *invalid*: the run proves nothing about a job in that configuration.
    """
    findings = tuple(
        Finding(f"{row['source']}: {key}: {row['note']}", expected=row["value"])
        for key, row in evidence.flink_config.items()
        if str(row["note"]).startswith(NOT_TAKEN)
    )
    return CheckResult("configuration", Validity.UNKNOWN if findings else Validity.VALID, findings)
