"""The check that every input was sent."""

from __future__ import annotations

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.outputs import identity
from pytest_flink_agents.evidence.model import Evidence, HeldInput

NAME = "inputs"


def check_inputs_sent(evidence: Evidence) -> CheckResult:
    """Return *invalid* if an input was never sent, because no output released it.

    *Unknown* if the job never started, or if a condition could not be tried.
    """
    if not evidence.held_inputs:
        return CheckResult(NAME, Validity.VALID)
    findings = tuple(_finding(held, evidence) for held in evidence.held_inputs)
    doubtful = not evidence.started or any(held.doubt for held in evidence.held_inputs)
    return CheckResult(NAME, Validity.UNKNOWN if doubtful else Validity.INVALID, findings)


def _finding(held: HeldInput, evidence: Evidence) -> Finding:
    more = f", nor the {held.behind} behind it" if held.behind else ""
    because = held.doubt or "no output of its key that it waits for has come"
    came = [output.value for output in evidence.outputs if identity(output.key) == identity(held.key)]
    message = f"input {held.number} of key {identity(held.key)} was never sent{more}: {because}"
    seen = came[-1] if came else "no output of this key"
    return Finding(message, ("inputs", held.entry, "after"), held.expected, seen, key=held.key)
