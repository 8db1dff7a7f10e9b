"""Runs of one scenario on several tiers beside each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_flink_agents.evidence.failed_run import FailedRun
from pytest_flink_agents.evidence.model import Evidence, Output
from pytest_flink_agents.gate import ItemResult, Outcome
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.evidence_file import write_evidence
from pytest_flink_agents.report.tiers_compared import with_tiers_compared
from pytest_flink_agents.vocabulary import Tier

Ran = Callable[..., ItemResult]


@pytest.fixture
def ran(tmp_path: Path) -> Ran:
    def make(tier: Tier, run: str, value: int, **words: Any) -> ItemResult:
        folder = tmp_path / tier / run
        folder.mkdir(parents=True)
        evidence = Evidence(
            tier, "2.2.1", "bundled", outputs=(Output("ada", value),), input_keys=("ada",), job_state="FINISHED"
        )
        write_evidence(folder, evidence, (), Redactor({}), "tea")
        where = f"{tier}/{run}" if run else str(tier)
        return ItemResult(f"x::{tier}", "tea", Outcome.PASSED, tier, "2.2.1", evidence=where, **words)

    return make


def test_one_run_of_each_tier_is_named_by_its_tier(ran: Ran, tmp_path: Path) -> None:
    _, second = with_tiers_compared([ran(Tier.LOCAL, "", 1), ran(Tier.EMBEDDED, "", 2)], tmp_path)
    (comparison,) = second.comparisons
    assert (comparison.baseline, comparison.candidate) == ("local-2.2.1", "embedded-2.2.1")


def test_the_run_of_a_repeated_scenario_is_named(ran: Ran, tmp_path: Path) -> None:
    # Else a run that failed once on one tier would look like a difference of the tiers.
    failed = (FailedRun(()),)
    results = [
        ran(Tier.LOCAL, "run-2", 100, runs="2 of 3 runs passed", failed_runs=failed),
        ran(Tier.EMBEDDED, "run-3", 1, runs="3 of 3 runs passed"),
    ]
    _, second = with_tiers_compared(results, tmp_path)
    (comparison,) = second.comparisons
    assert comparison.baseline == "local-2.2.1 run-2 (not as expected)"
    assert comparison.candidate == "embedded-2.2.1 run-3"
    assert comparison.summary.startswith("1 of 1 key differ in ")
