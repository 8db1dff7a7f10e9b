"""After an interruption: state restored, live again, old attempts fenced."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from flink_testbed.ledger.entry import EffectCall
from pytest_flink_agents.checks.finding import CheckResult, Validity
from pytest_flink_agents.checks.history.recovery import live_again, old_attempts_fenced, state_restored
from pytest_flink_agents.evidence.action_state import ActionState
from pytest_flink_agents.evidence.history import History, Interruption, RecordedAction, history_of
from pytest_flink_agents.evidence.model import Checkpoint, Checkpoints, Evidence, HeldInput, JobException, Output

KILL = Interruption('the step "kill taskmanager"', 100.0, 110.0)
AGAIN = [dataclasses.replace(KILL, at_s=at_s, until_s=at_s) for at_s in (120.0, 130.0, 140.0)]
FIRST, SECOND = Checkpoint(1, 90.0), Checkpoint(2, 115.0)
VALID, INVALID, UNKNOWN = Validity.VALID, Validity.INVALID, Validity.UNKNOWN


def history(*interruptions: Interruption, **fields: Any) -> History:
    made = History((), (), drained=True, final=True, interruptions=interruptions)
    return dataclasses.replace(made, **fields)


def said(result: CheckResult) -> str:
    return "\n".join(finding.message for finding in result.findings)


@pytest.mark.parametrize(
    ("of", "validity"),
    [
        (history(checkpoints=(FIRST,)), VALID),
        (history(KILL), VALID),
        (history(KILL, checkpoints=(FIRST,), restored_s=105.0), VALID),
        (history(KILL, checkpoints=(FIRST, SECOND)), INVALID),
        (history(KILL, checkpoints=(FIRST, SECOND), restored_s=50.0), INVALID),
        (history(KILL, checkpoints=(SECOND,)), VALID),
        (history(KILL, checkpoints=(dataclasses.replace(FIRST, savepoint=True), SECOND)), VALID),
        (history(KILL, checkpoints=(SECOND,), unseen_checkpoints=1), UNKNOWN),
        (history(KILL, unseen_checkpoints=1), UNKNOWN),
    ],
)
def test_a_job_restores_the_checkpoint_that_had_been_completed(of: History, validity: Validity) -> None:
    assert state_restored(of).validity is validity


LATE = Output("c-1", 1, 0, 111.0)
LATE_CALL = EffectCall(1, 111.0, "effects", "payments", "POST /refunds", "POST", "/refunds")
LATE_RECORD = RecordedAction(ActionState("job", "c-1", 1, "", "pay", 0, 0, 111.0), 0)


@pytest.mark.parametrize(
    ("fields", "validity"),
    [
        ({}, UNKNOWN),
        ({"outputs": (dataclasses.replace(LATE, at_s=105.0), dataclasses.replace(LATE, at_s=None))}, UNKNOWN),
        ({"calls": (dataclasses.replace(LATE_CALL, at_s=105.0),)}, UNKNOWN),
        ({"outputs": (LATE,)}, INVALID),
        ({"calls": (LATE_CALL,)}, INVALID),
        ({"actions": (LATE_RECORD,)}, INVALID),
        ({"checkpoints": (FIRST, SECOND)}, INVALID),
        ({"finished": True}, INVALID),
    ],
)
def test_a_job_that_was_not_seen_to_begin_again_may_still_restore(fields: dict[str, Any], validity: Validity) -> None:
    of = dataclasses.replace(history(KILL, checkpoints=(FIRST,), drained=False), **fields)
    assert state_restored(of).validity is validity


def test_what_is_not_known_of_a_restore_names_the_checkpoint_and_the_cause() -> None:
    assert said(state_restored(history(KILL, checkpoints=(FIRST,)))) == (
        'it is not known if the job restored checkpoint 1: nothing came after the step "kill taskmanager"'
    )


def test_a_silent_fresh_start_names_the_checkpoint_and_the_cause() -> None:
    assert said(state_restored(history(KILL, checkpoints=(FIRST, SECOND)))) == (
        'the job began anew after the step "kill taskmanager", although checkpoint 1 had been completed before: '
        "the job did not restore it"
    )


CUT: dict[str, Any] = {"drained": False, "final": False}
NEW = (Output("c-1", 1, 0, 150.0),)


@pytest.mark.parametrize(
    ("of", "validity"),
    [
        (history(KILL, *AGAIN), VALID),
        (history(**CUT), VALID),
        (history(KILL, *AGAIN, **CUT), INVALID),
        (history(*AGAIN[:2], **CUT), UNKNOWN),
        (history(*AGAIN, outputs=NEW, **CUT), VALID),
        (history(*AGAIN, outputs=(Output("c-1", 1, 0),), **CUT), INVALID),
        (history(KILL, *AGAIN, checkpoints=(SECOND,), **CUT), INVALID),
        (history(*AGAIN, checkpoints=(Checkpoint(3, 125.0),), **CUT), UNKNOWN),
    ],
)
def test_a_job_goes_on_after_an_interruption(of: History, validity: Validity) -> None:
    assert live_again(of).validity is validity


def test_an_endless_retry_names_its_last_cause() -> None:
    assert "was interrupted 4 times without a new output or checkpoint, the last time by the step" in said(
        live_again(history(KILL, *AGAIN, **CUT))
    )


def fenced(of: History) -> CheckResult:
    result = old_attempts_fenced(of)
    assert result is not None
    return result


def call(sequence: int, attempt: int | None, key: str = "c-1") -> EffectCall:
    made = EffectCall(sequence, 120.0, "effects", "payments", "POST /refunds", "POST", "/refunds", key=key)
    return dataclasses.replace(made, attempt=attempt)


@pytest.mark.parametrize(
    ("calls", "validity"),
    [
        ([call(1, 0), call(2, 1), call(3, 1), call(4, None), call(5, 0, "c-2")], VALID),
        ([call(1, 1), call(2, 0)], INVALID),
    ],
)
def test_an_old_attempt_calls_no_more(calls: list[EffectCall], validity: Validity) -> None:
    assert fenced(history(KILL, calls=tuple(calls))).validity is validity
    assert fenced(history(calls=tuple(calls))).validity is VALID, "without an interruption none is old"


def test_without_attempts_nothing_is_said_of_them() -> None:
    assert old_attempts_fenced(history(KILL)) is None
    assert old_attempts_fenced(history(KILL, calls=(call(1, None), call(2, None)))) is None


def test_a_zombie_is_named() -> None:
    assert said(fenced(history(KILL, calls=(call(1, 1), call(2, 0))))) == (
        'attempt 0 of key "c-1" made call 2 (POST /refunds) after attempt 1 had begun: the job did not fence it'
    )


def test_the_history_has_checkpoints_restores_and_sent_inputs() -> None:
    evidence = Evidence(
        "embedded",
        "2.2.1",
        "bundled",
        input_keys=("a", "b", "a", "a"),
        held_inputs=(HeldInput(2, "a", 2, "done", behind=1),),
        checkpoints=Checkpoints(5, 0, 1, (FIRST, SECOND), 105.0),
        exceptions=(JobException(1_000, "first"), JobException(2_000, "last")),
        job_state="FAILED",
    )
    made = history_of(evidence)
    assert (made.acknowledged, made.checkpoints, made.restored_s) == (2, (FIRST, SECOND), 105.0)
    assert made.unsent == {2, 3}
    assert made.unseen_checkpoints == 3
    assert (made.finished, history_of(dataclasses.replace(evidence, job_state="FINISHED")).finished) == (False, True)
    # The next JobManager counts from zero.
    fewer = dataclasses.replace(evidence, checkpoints=Checkpoints(1, seen=(FIRST, SECOND)))
    assert history_of(fewer).unseen_checkpoints == 0
    assert [one.at_s for one in made.interruptions] == [1.0], "the last failure restarted nothing"
    assert [one.at_s for one in history_of(dataclasses.replace(evidence, job_state="FINISHED")).interruptions] == [1, 2]
