"""What is asked of a run that did nothing wrong: whether the agent acted, and whether each rule of the model answered."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.checks.quality import QUALITY_CHECKS
from pytest_flink_agents.evidence.model import Evidence, LogError, Output
from pytest_flink_agents.run.judgement import judged

if TYPE_CHECKING:
    from tests.unit.expectations.conftest import Stated

SILENT = Evidence(
    "local", "2.2.1", "bundled", job_state="FINISHED", metrics={"numOfActionsExecuted": 0.0}, log_errors=()
)
LOUD = dataclasses.replace(SILENT, log_errors=(LogError("agent.log", "ERROR on fire"),))
LLM = "llm: {mode: scripted, script: [{reply: {text: hi}}]}\n"


def wrong(stated: Stated, expect: str, evidence: Evidence, more: str = "") -> list[str]:
    results = judged(stated.load(expect, more), evidence)
    return [one.check for one in results if one.validity is not Validity.VALID]


@pytest.mark.parametrize(
    ("expect", "evidence", "found"),
    [
        ("outputs: []", SILENT, ["actions"]),
        ("outputs: []", LOUD, ["logs", "actions"]),
        ("outputs: []\ntokens: {total: {min: 5}}", SILENT, ["tokens", "actions"]),
        # What went wrong may be the reason.
        ("outputs: []", dataclasses.replace(LOUD, outputs=(Output("a", 1),)), ["logs", "outputs"]),
    ],
)
def test_an_agent_that_is_only_slow_or_talkative_must_have_acted(
    expect: str, evidence: Evidence, found: list[str], stated: Stated
) -> None:
    assert wrong(stated, expect, evidence) == found


def test_a_rule_that_never_answered_is_found_beside_an_error_in_the_logs(stated: Stated) -> None:
    assert wrong(stated, "outputs: []", LOUD, LLM) == ["logs", "actions", "unused rules"]


def test_unused_rules_are_a_consequence_of_another_number_of_calls(stated: Stated) -> None:
    assert wrong(stated, "outputs: []\nllm: {calls: {min: 1}}", SILENT, LLM) == ["llm", "actions"]


def test_no_check_of_right_and_wrong_is_one_of_quality() -> None:
    assert not QUALITY_CHECKS & {
        "outputs",
        "effects",
        "failure",
        "delivery",
        "memory",
        "trajectory",
        "actions",
        "ended",
    }
