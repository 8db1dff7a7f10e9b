"""The job itself: its end and its failure."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.checks.job import check_ended, check_failure
from pytest_flink_agents.evidence.model import Evidence, Failure
from pytest_flink_agents.scenario.matching.matchers import compile_matcher

SHOWN = {"contains": "max retries"}
EXPECTED = compile_matcher(SHOWN)
FAILURE = Failure("gave up after max retries", type="RuntimeError", action="pay", key="c-1", input={"order": 1})


def _run(**fields: Any) -> Evidence:
    return Evidence("local", "2.2.1", "bundled", **fields)


@pytest.mark.parametrize("state", ["FINISHED", "FAILED"])
def test_a_job_that_ended_is_valid(state: str) -> None:
    """Both ways to end are an end; whether the failure was wanted is the other check's matter."""
    assert check_ended(_run(job_state=state), 60).validity is Validity.VALID


def test_a_job_past_its_deadline_is_invalid() -> None:
    """Not ended within the time is a finding about ``within``, with what it was last seen waiting for."""
    evidence = _run(
        job_state="RUNNING", timed_out_after_s=2.0, complete=False, log_tail="still waiting on ['pay']\nmore"
    )
    result = check_ended(evidence, 2.0)
    assert result.validity is Validity.INVALID
    (finding,) = result.findings
    assert finding.message == "the job had not ended after 2 s"
    assert (finding.path, finding.seen) == (("within",), "still waiting on ['pay']")


def test_a_deadline_counts_even_where_the_state_says_ended() -> None:
    """It ended while it was being cancelled: too late is too late."""
    assert check_ended(_run(job_state="FINISHED", timed_out_after_s=2.0), 2.0).validity is Validity.INVALID


@pytest.mark.parametrize("state", ["RUNNING", "", "RESTARTING", "CANCELED"])
def test_a_state_that_is_no_end_of_its_own_is_unknown(state: str) -> None:
    """Neither a deadline nor an end by itself was seen."""
    result = check_ended(_run(job_state=state), 60)
    assert result.validity is Validity.UNKNOWN
    assert result.findings[0].seen == (state or "no state")


def test_no_failure_where_none_is_expected_is_valid() -> None:
    """The plain good case."""
    assert check_failure(None, None, _run(job_state="FINISHED")).validity is Validity.VALID


def test_an_unexpected_failure_is_invalid_and_says_why() -> None:
    """The job's own words, and the key whose timeline explains them."""
    result = check_failure(None, None, _run(job_state="FAILED", failure=FAILURE))
    assert result.validity is Validity.INVALID
    assert result.findings[0].message == "the job failed: RuntimeError: gave up after max retries"
    assert result.findings[0].key == "c-1"


def test_a_failed_job_without_words_is_invalid_where_none_was_expected() -> None:
    """That nobody kept the reason does not make the failure good."""
    assert check_failure(None, None, _run(job_state="FAILED")).validity is Validity.INVALID


def test_a_failed_job_without_words_is_unknown_where_a_failure_was_expected() -> None:
    """It failed; whether as expected cannot be told."""
    assert check_failure(EXPECTED, SHOWN, _run(job_state="FAILED")).validity is Validity.UNKNOWN


def test_the_expected_failure_is_valid() -> None:
    """The text is found in the message."""
    assert check_failure(EXPECTED, SHOWN, _run(job_state="FAILED", failure=FAILURE)).validity is Validity.VALID


def test_another_failure_than_expected_is_invalid_and_shows_both() -> None:
    """What was wanted stands beside what was said."""
    failure = Failure("connection refused")
    result = check_failure(EXPECTED, SHOWN, _run(job_state="FAILED", failure=failure))
    assert result.validity is Validity.INVALID
    (finding,) = result.findings
    assert (finding.path, finding.expected, finding.seen) == (("expect", "failure"), SHOWN, "connection refused")


def test_an_expected_failure_that_did_not_come_is_invalid() -> None:
    """The job finished instead."""
    result = check_failure(EXPECTED, SHOWN, _run(job_state="FINISHED"))
    assert result.validity is Validity.INVALID
    assert result.findings[0].seen == "FINISHED"


@pytest.mark.parametrize("expected", [None, EXPECTED])
def test_a_run_cut_short_before_any_failure_is_unknown(expected: Any) -> None:
    """It might have failed later, wanted or not."""
    result = check_failure(expected, SHOWN, _run(job_state="RUNNING", complete=False))
    assert result.validity is Validity.UNKNOWN


def test_a_failure_in_a_run_cut_short_is_still_a_failure() -> None:
    """What was seen needs no end of the run."""
    evidence = _run(job_state="FAILED", failure=FAILURE, complete=False)
    assert check_failure(None, None, evidence).validity is Validity.INVALID
    assert check_failure(EXPECTED, SHOWN, evidence).validity is Validity.VALID
