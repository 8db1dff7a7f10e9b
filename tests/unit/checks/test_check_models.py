"""Calls to the scripted model."""

from __future__ import annotations

from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.checks.models import check_model_calls
from pytest_flink_agents.evidence.model import Evidence, ModelCall


def _evidence(*rules: int | None, complete: bool = True) -> Evidence:
    calls = tuple(
        ModelCall(
            "openai", "gpt", ({"role": "user", "content": "hi"},), rule, {}, "" if rule is not None else "rule 1: near"
        )
        for rule in rules
    )
    return Evidence("local", "2.2.1", "bundled", model_calls=calls, complete=complete, job_state="FINISHED")


def test_calls_that_all_match_a_rule_are_valid() -> None:
    assert check_model_calls(_evidence(0, 1, 0)).validity is Validity.VALID
    assert check_model_calls(_evidence()).validity is Validity.VALID


def test_one_call_without_a_rule_is_invalid_even_if_the_job_went_on() -> None:
    result = check_model_calls(_evidence(0, None))
    assert result.validity is Validity.INVALID
    (finding,) = result.findings
    assert (finding.path, finding.seen) == (("llm", "script"), "rule 1: near")


def test_model_calls_are_never_unknown() -> None:
    assert check_model_calls(_evidence(0, complete=False)).validity is Validity.VALID
    assert check_model_calls(_evidence(None, complete=False)).validity is Validity.INVALID
