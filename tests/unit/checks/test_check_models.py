"""Model calls: each needs a rule."""

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


def test_calls_that_all_found_a_rule_are_valid() -> None:
    """Rule 0 is a rule: its number is no "nothing"."""
    assert check_model_calls(_evidence(0, 1, 0)).validity is Validity.VALID
    assert check_model_calls(_evidence()).validity is Validity.VALID


def test_one_call_without_a_rule_is_invalid_even_if_the_job_went_on() -> None:
    """The job finished, so it swallowed the error; the nearest rule is shown all the same."""
    result = check_model_calls(_evidence(0, None))
    assert result.validity is Validity.INVALID
    (finding,) = result.findings
    assert (finding.path, finding.seen) == (("llm", "script"), "rule 1: near")


def test_it_is_never_unknown() -> None:
    """A call is on record before it is answered, so a run cut short hides none: what is not recorded was not called."""
    assert check_model_calls(_evidence(0, complete=False)).validity is Validity.VALID
    assert check_model_calls(_evidence(None, complete=False)).validity is Validity.INVALID
