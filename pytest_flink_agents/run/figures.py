"""The figures of a run that a policy may limit, measured from its evidence. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from pytest_flink_agents.checks.bounds import CUT_SHORT, Amount, Bounds
from pytest_flink_agents.checks.cost import cost_amount
from pytest_flink_agents.checks.latency import Percentile, latency_amount
from pytest_flink_agents.checks.recovery import recovery_amount
from pytest_flink_agents.checks.usage import total_tokens
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.gate import Figure
from pytest_flink_agents.scenario.faults import timetable
from pytest_flink_agents.scenario.model import Scenario
from pytest_flink_agents.vocabulary import ModelPrice

_P95 = Percentile(95, Bounds(()))


def figures(scenario: Scenario, evidence: Evidence, prices: Mapping[str, ModelPrice]) -> dict[str, Figure]:
    """Return the figures by the words of a policy's limits; only a scenario with faults has one of its recovery."""
    scripted, faults = scenario.llm is not None, timetable(scenario.faults)
    measures: dict[str, Callable[[], Amount]] = {
        "latency_p95": lambda: latency_amount(_P95, evidence),
        "tokens": lambda: total_tokens(evidence, scripted=scripted),
        "cost": lambda: cost_amount(prices, evidence, scripted=scripted),
        "duration": lambda: _duration(evidence),
    }
    if faults:
        forgotten = any(fault.kill == "jobmanager" for fault in faults)
        measures["recovery"] = lambda: recovery_amount(evidence, forgotten=forgotten)
    return {word: _figure(measure) for word, measure in measures.items()}


def _duration(evidence: Evidence) -> Amount:
    """Return the seconds from the start of the tasks to the end, which a deadline may have cut."""
    name, seconds = "the duration", evidence.timings_s.get("run")
    # An agent that ended its process has a time of 0.
    if not seconds:
        return Amount(name, None, "the run was not timed")
    return Amount(name, round(seconds, 3), "" if evidence.complete else CUT_SHORT, final=evidence.complete)


def _figure(measure: Callable[[], Amount]) -> Figure:
    try:
        amount = measure()
    except Exception as error:
        return Figure(None, f"FA502: it could not be measured: {type(error).__name__}: {error}")
    if amount.value is not None and not math.isfinite(amount.value):
        return Figure(None, "it is not a finite number")
    known = amount.value is not None and amount.final
    return Figure(amount.value, "" if known else amount.reason, amount.final)
