"""Ten mutants of a toy job, each of which is caught; and hundreds of correct runs without a false alarm."""

from __future__ import annotations

from collections import Counter

import pytest

from pytest_flink_agents.checks.delivery import EXACTLY_ONCE, check_action_delivery, check_delivery
from pytest_flink_agents.checks.finding import CheckResult, Validity
from pytest_flink_agents.checks.job import check_ended
from pytest_flink_agents.checks.memory import ExpectedValue, check_memory
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.scenario.matching.matchers import compile_matcher
from tests.unit.checks.history.toy_job import MUTANTS, ToyJob

RUNS, SEEDS = 300, 40
# What the first counter-example of each mutant says.
SAID = {
    "drop": "output lost",
    "double": "output duplicated",
    "reorder": "output out of order",
    "forget state": "the memory of key",
    "swallow error": "output lost",
    "commit before act": "output duplicated",
    "act before persist": "it had ended without a record",
    "late zombie": "the job did not fence it",
    "endless retry": "was interrupted",
    "silent fresh start": "the job began anew",
}


def results_of(evidence: Evidence) -> list[CheckResult]:
    """Judge a run as a scenario does that states delivery and memory: each key's total is its number of inputs."""
    totals = Counter(evidence.input_keys)
    expected = [
        ExpectedValue(("expect", "memory", key, "total"), key, "total", compile_matcher(total, ()))
        for key, total in totals.items()
    ]
    memory = [check_memory(expected, evidence)] if evidence.complete else []
    delivered = [check_delivery(EXACTLY_ONCE, 1, evidence), check_action_delivery(evidence)]
    return [*delivered, *memory, check_ended(evidence, 60.0)]


@pytest.mark.parametrize("wrong", MUTANTS)
def test_each_mutant_is_caught_in_every_run(wrong: str) -> None:
    """A job that acts before it persists is only *unknown* if the actions of all keys may have been in flight."""
    proven = 0
    for seed in range(SEEDS):
        results = results_of(ToyJob(seed, wrong).evidence())
        assert {result.validity for result in results} != {Validity.VALID}, seed
        found = [
            finding.message for result in results if result.validity is Validity.INVALID for finding in result.findings
        ]
        proven += any(SAID[wrong] in message for message in found)
    assert proven >= (SEEDS // 3 if wrong == "act before persist" else SEEDS)


def test_a_correct_job_is_never_blamed() -> None:
    """Half of the runs have an action in flight at the kill, which is counted."""
    counted = 0
    for seed in range(RUNS):
        job = ToyJob(seed)
        results = results_of(job.evidence())
        assert {result.validity for result in results} == {Validity.VALID}, (seed, results)
        notes = [finding.message for result in results for finding in result.findings]
        expected = [f'in flight at the step "kill taskmanager": 1 (pay of input {job.killed_at})']
        assert notes == (expected if job.in_flight else []), seed
        counted += job.in_flight
    assert 0 < counted < RUNS
