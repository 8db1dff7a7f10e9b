"""Calls to the scripted model."""

from __future__ import annotations

import dataclasses

from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.checks.models import check_model_calls, check_script_used
from pytest_flink_agents.checks.usage import total_tokens
from pytest_flink_agents.evidence.model import Evidence, Failure
from pytest_flink_agents.evidence.model_calls import ModelCall, ModelSource


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


def test_a_script_that_was_never_asked_is_invalid_unless_all_its_rules_may_stay_unused() -> None:
    result = check_script_used(2, 0, _evidence())
    assert result.validity is Validity.INVALID
    (finding,) = result.findings
    assert (finding.path, finding.seen) == (("llm", "script"), "no request")
    assert check_script_used(2, 1, _evidence()).validity is Validity.INVALID
    assert check_script_used(2, 2, _evidence()).validity is Validity.VALID


def test_each_rule_that_never_answered_is_named() -> None:
    result = check_script_used(3, 0, _evidence(1))
    assert result.validity is Validity.INVALID
    assert [finding.path for finding in result.findings] == [("llm", "script", 0), ("llm", "script", 2)]
    assert check_script_used(3, 2, _evidence(1)).validity is Validity.VALID
    assert check_script_used(3, 0, _evidence(2, 0, 1, 0)).validity is Validity.VALID


def test_of_many_unused_rules_five_are_shown() -> None:
    findings = check_script_used(9, 0, _evidence(0)).findings
    assert [finding.message for finding in findings][-2:] == [
        "rule 6 of the script never answered",
        "and 3 more rules never answered",
    ]


def test_rules_behind_the_failure_of_a_job_may_stay_unused_but_the_model_must_be_asked() -> None:
    failure = Failure("refused", "RuntimeError", "")
    assert check_script_used(2, 0, dataclasses.replace(_evidence(0), failure=failure)).validity is Validity.VALID
    assert check_script_used(2, 0, dataclasses.replace(_evidence(), failure=failure)).validity is Validity.INVALID


def _from(source: ModelSource, *rules: int | None) -> Evidence:
    return dataclasses.replace(_evidence(*rules), models=source)


def test_a_request_without_a_recorded_exchange_is_invalid_at_the_cassette() -> None:
    (finding,) = check_model_calls(_from(ModelSource("replay", 1), 0, None)).findings
    assert finding.message == "the model got a request that the cassette does not have"
    assert (finding.path, finding.expected) == (("llm", "cassette"), "a recorded request")


def test_recorded_exchanges_that_were_never_asked_for_are_named() -> None:
    findings = check_script_used(9, 0, _from(ModelSource("replay", 9), 0)).findings
    assert [finding.message for finding in findings][-2:] == [
        "exchange 6 of the cassette was never asked for",
        "and 3 more exchanges were never asked for",
    ]
    assert {finding.path for finding in findings} == {("llm", "cassette")}
    (finding,) = check_script_used(2, 0, _from(ModelSource("replay", 2))).findings
    assert finding.message == "the model was never asked, although the scenario has a cassette for it"


def test_a_service_without_an_answer_makes_the_run_unknown_unless_the_agent_is_wrong() -> None:
    silent = ModelSource("live", unknown="https://api.example.com: refused")
    result = check_model_calls(_from(silent, 0))
    assert result.validity is Validity.UNKNOWN
    assert (result.findings[0].path, result.findings[0].seen) == (("llm", "endpoint"), silent.unknown)
    (finding,) = check_model_calls(_from(silent, None)).findings
    assert finding.message == "the model got a request that cannot be forwarded"
    assert check_model_calls(_from(ModelSource("live"), 0)).validity is Validity.VALID


def test_tokens_of_answers_without_a_count_are_not_known() -> None:
    evidence = _from(ModelSource("live"), 0, 0)
    calls = (
        dataclasses.replace(evidence.model_calls[0], prompt_tokens=4, completion_tokens=2),
        evidence.model_calls[1],
    )
    counted = dataclasses.replace(evidence, model_calls=calls)
    assert total_tokens(counted, scripted=True).value == 6
    silent = dataclasses.replace(counted, model_calls=(calls[0], dataclasses.replace(calls[1], uncounted=True)))
    amount = total_tokens(silent, scripted=True)
    assert (amount.value, amount.reason) == (None, "1 of 2 answers of the model do not say how many tokens they used")
