"""The steps of a timeline."""

from __future__ import annotations

from pytest_flink_agents.checks.finding import CheckResult, Validity
from pytest_flink_agents.checks.timeline import check_timeline
from pytest_flink_agents.evidence.model import Evidence, StepRecord

FELT = StepRecord("after 1 outputs", "stop with a savepoint", 2.0, True, "/savepoints/1")
UNFELT = StepRecord("at the start", "start from savepoint /gone", 0.0, False)
REFUSED = StepRecord("after 1 outputs", "stop with a savepoint", 2.0, False, "FA442: no savepoint")
UNFIRED = StepRecord("after 9 checkpoints", "take a savepoint")


def _check(*steps: StepRecord) -> CheckResult:
    return check_timeline(Evidence("embedded", "2.2.1", "bundled", job_state="FINISHED", steps=steps))


def test_steps_that_were_all_felt_are_valid() -> None:
    assert _check(FELT, FELT).validity is Validity.VALID
    assert _check().validity is Validity.VALID


def test_a_step_that_never_fired_is_unknown_and_names_its_trigger() -> None:
    result = _check(FELT, UNFIRED)
    assert result.validity is Validity.UNKNOWN
    (finding,) = result.findings
    assert "take a savepoint" in finding.message
    assert "after 9 checkpoints" in finding.message


def test_a_step_without_effect_is_unknown_and_shows_its_error() -> None:
    result = _check(UNFELT, REFUSED)
    assert result.validity is Validity.UNKNOWN
    assert [finding.message for finding in result.findings] == [
        'the step "start from savepoint /gone" had no effect on the run',
        'the step "stop with a savepoint" had no effect on the run: FA442: no savepoint',
    ]


def test_it_is_never_invalid() -> None:
    assert {_check(step).validity for step in (FELT, UNFELT, REFUSED, UNFIRED)} == {Validity.VALID, Validity.UNKNOWN}
