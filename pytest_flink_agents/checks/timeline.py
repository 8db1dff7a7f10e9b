"""The check of the steps of a run's timeline.

A step that did not fire, or was not felt, proves nothing.
"""

from __future__ import annotations

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.evidence.model import Evidence, StepRecord


def check_timeline(evidence: Evidence) -> CheckResult:
    """Return *unknown* if a step did not happen or had no effect.

    Never *invalid*: a step is no claim about the job.
    """
    findings = tuple(Finding(_message(step)) for step in evidence.steps if not step.felt)
    return CheckResult("timeline", Validity.UNKNOWN if findings else Validity.VALID, findings)


def _message(step: StepRecord) -> str:
    if step.fired_after_s is None:
        return f'the step "{step.act}" never happened: "{step.trigger}" did not come due before the run ended'
    detail = f": {step.detail}" if step.detail else ""
    return f'the step "{step.act}" had no effect on the run{detail}'
