"""The check of latency: the time from an input to its last output."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_flink_agents.checks.bounds import Amount, Bounds, check_amounts
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.input_runs import LoggedInput, input_runs
from pytest_flink_agents.checks.outputs import identity
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.evidence.times import nanoseconds
from pytest_flink_agents.vocabulary import OUTPUT_EVENT

NAME = "latency"
_PATH = ("expect", "latency")
_HUNDRED = 100
_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Percentile:
    """The bounds of one percentile in ms; 100 is the maximum."""

    percent: int
    bounds: Bounds

    @property
    def name(self) -> str:
        """The percentile in words."""
        return "the largest latency" if self.percent == _HUNDRED else f"the {self.percent}th percentile of the latency"


def check_latency(expected: Sequence[Percentile], evidence: Evidence) -> CheckResult:
    """Return *invalid* if inputs took too long until their last output.

    The time stamps of the event log count, so the time that an input waits for an earlier one of
    its key does not. Percentiles are by nearest rank: one that was measured. *Unknown* if the log is
    not complete, if a time stamp cannot be read, or if an input has no output: it may be the slowest.
    """
    amounts = [latency_amount(one, evidence) for one in expected]
    unknown = next((amount for amount in amounts if amount.value is None), None)
    if unknown is not None:
        message = f"the latency is not known: {unknown.reason}"
        return CheckResult(NAME, Validity.UNKNOWN, (Finding(message, _PATH, "times", "none"),))
    return check_amounts(NAME, [(one.bounds, amount) for one, amount in zip(expected, amounts, strict=True)])


def latency_amount(wanted: Percentile, evidence: Evidence) -> Amount:
    """Return a percentile of the latency in ms."""
    runs, doubt = input_runs(evidence)
    measured = [] if doubt else _measured(runs)
    doubt = doubt or _without_output(runs)
    if doubt or not measured:
        return Amount(wanted.name, None, doubt or "a time stamp of the event log cannot be read")
    ordered = sorted(measured, key=lambda each: each[0])
    latency, run = ordered[max(0, math.ceil(len(ordered) * wanted.percent / _HUNDRED) - 1)]
    unit = f" ms, that of input {run.number} of key {identity(run.key)}"
    return Amount(f"{wanted.name} of {len(ordered)} inputs", round(latency, 3), key=run.key, unit=unit)


def _without_output(runs: Sequence[LoggedInput]) -> str:
    """Return a sentence on the inputs without an output event, empty if there is none."""
    silent = [run for run in runs if not any(event.type == OUTPUT_EVENT for event in run.events)]
    if not silent:
        return ""
    return f"{len(silent)} of {len(runs)} inputs have no output event, the first is input {silent[0].number}"


def _measured(runs: Sequence[LoggedInput]) -> list[tuple[float, LoggedInput]]:
    """Return the latency in ms of each input with an output; empty if a time stamp is unreadable."""
    found = []
    for run in runs:
        outputs = [event for event in run.events if event.type == OUTPUT_EVENT]
        if outputs:
            begun, ended = nanoseconds(run.events[0].timestamp), nanoseconds(outputs[-1].timestamp)
            if begun is None or ended is None:
                return []
            found.append(((ended - begun) / _NS_PER_MS, run))
    return found
