"""The end and the failure of a job."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.checks.job import check_acted, check_ended, check_failure
from pytest_flink_agents.evidence.model import Evidence, Failure, Output, StepRecord
from pytest_flink_agents.scenario.matching.matchers import compile_matcher

SHOWN = {"contains": "max retries"}
EXPECTED = compile_matcher(SHOWN)
FAILURE = Failure("gave up after max retries", type="RuntimeError", action="pay", key="c-1", input={"order": 1})


def _run(**fields: Any) -> Evidence:
    return Evidence("local", "2.2.1", "bundled", **fields)


@pytest.mark.parametrize("state", ["FINISHED", "FAILED"])
def test_a_job_that_ended_is_valid(state: str) -> None:
    assert check_ended(_run(job_state=state), 60).validity is Validity.VALID


def test_a_job_past_its_deadline_is_invalid() -> None:
    evidence = _run(
        job_state="RUNNING", timed_out_after_s=2.0, complete=False, log_tail="still waiting on ['pay']\nmore"
    )
    result = check_ended(evidence, 2.0)
    assert result.validity is Validity.INVALID
    (finding,) = result.findings
    assert finding.message == "the job had not ended after 2 s"
    assert (finding.path, finding.seen) == (("within",), "still waiting on ['pay']")


def test_a_job_that_ended_after_its_deadline_is_invalid() -> None:
    assert check_ended(_run(job_state="FINISHED", timed_out_after_s=2.0), 2.0).validity is Validity.INVALID


@pytest.mark.parametrize("state", ["RUNNING", "", "RESTARTING", "CANCELED"])
def test_a_state_that_is_not_final_is_unknown(state: str) -> None:
    result = check_ended(_run(job_state=state), 60)
    assert result.validity is Validity.UNKNOWN
    assert result.findings[0].seen == (state or "no state")


def test_a_job_that_did_not_stop_for_the_next_one_is_named_with_what_it_waits_for() -> None:
    steps = (StepRecord("after 6 outputs", "stop with a savepoint for the candidate", 3.0, detail="waited 60 s"),)
    for tail, seen in (("still waiting on action pay\nmore", "still waiting on action pay"), ("", "waited 60 s")):
        result = check_ended(_run(job_state="RUNNING", complete=False, steps=steps, log_tail=tail), 60)
        assert result.validity is Validity.UNKNOWN
        (finding,) = result.findings
        assert finding.seen == seen
        assert 'the step "stop with a savepoint for the candidate"' in finding.message


def test_no_failure_is_valid_if_none_is_expected() -> None:
    assert check_failure(None, None, _run(job_state="FINISHED")).validity is Validity.VALID


def test_an_unexpected_failure_is_invalid_and_says_why() -> None:
    result = check_failure(None, None, _run(job_state="FAILED", failure=FAILURE))
    assert result.validity is Validity.INVALID
    assert result.findings[0].message == "the job failed: RuntimeError: gave up after max retries"
    assert result.findings[0].key == "c-1"


def test_a_failure_without_a_message_is_invalid_if_none_is_expected() -> None:
    assert check_failure(None, None, _run(job_state="FAILED")).validity is Validity.INVALID


def test_a_failure_without_a_message_is_unknown_if_one_is_expected() -> None:
    assert check_failure(EXPECTED, SHOWN, _run(job_state="FAILED")).validity is Validity.UNKNOWN


def test_the_expected_failure_is_valid() -> None:
    assert check_failure(EXPECTED, SHOWN, _run(job_state="FAILED", failure=FAILURE)).validity is Validity.VALID


def test_another_failure_than_expected_is_invalid_and_shows_both() -> None:
    failure = Failure("connection refused")
    result = check_failure(EXPECTED, SHOWN, _run(job_state="FAILED", failure=failure))
    assert result.validity is Validity.INVALID
    (finding,) = result.findings
    assert (finding.path, finding.expected, finding.seen) == (("expect", "failure"), SHOWN, "connection refused")


def test_a_missing_expected_failure_is_invalid() -> None:
    result = check_failure(EXPECTED, SHOWN, _run(job_state="FINISHED"))
    assert result.validity is Validity.INVALID
    assert result.findings[0].seen == "FINISHED"


@pytest.mark.parametrize("expected", [None, EXPECTED])
def test_a_stopped_run_without_a_failure_is_unknown(expected: Any) -> None:
    result = check_failure(expected, SHOWN, _run(job_state="RUNNING", complete=False))
    assert result.validity is Validity.UNKNOWN


def test_a_failure_of_a_stopped_run_is_still_a_failure() -> None:
    evidence = _run(job_state="FAILED", failure=FAILURE, complete=False)
    assert check_failure(None, None, evidence).validity is Validity.INVALID
    assert check_failure(EXPECTED, SHOWN, evidence).validity is Validity.VALID


def test_an_agent_without_an_action_that_ran_is_no_silent_agent() -> None:
    idle = {"numOfActionsExecuted": 0.0}
    result = check_acted(_run(metrics=idle))
    assert result.validity is Validity.INVALID
    assert result.findings[0].path == ("agent",)
    assert check_acted(_run(metrics=idle, outputs=(Output("a", 1),))).validity is Validity.VALID
    assert check_acted(_run(metrics={"numOfActionsExecuted": 1.0})).validity is Validity.VALID
    assert check_acted(_run(metrics=None)).validity is Validity.VALID


def test_metrics_of_flink_may_be_older_than_the_first_action() -> None:
    evidence = Evidence("embedded", "2.2.1", "upstream", metrics={"numOfActionsExecuted": 0.0})
    assert check_acted(evidence).validity is Validity.VALID
