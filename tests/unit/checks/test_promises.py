"""How the promises of Flink and the engine stand after a run with faults."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pytest_flink_agents.checks.promises import ACTIONS, LIVE, OUTPUTS, STATE, promises_of
from pytest_flink_agents.evidence.model import (
    Checkpoint,
    Checkpoints,
    Evidence,
    Failure,
    JobException,
    Output,
    StepRecord,
)
from pytest_flink_agents.vocabulary import Standing
from tests.unit.checks.history.toy_job import ToyJob

KEPT, BROKEN, UNKNOWN, NOT_PROMISED = Standing.KEPT, Standing.BROKEN, Standing.UNKNOWN, Standing.NOT_PROMISED
RIGHT = ToyJob(seed=1).evidence()
PAUSE = StepRecord("after 2 s", "pause taskmanager", 2.0, True, began_s=1_001.0, ended_s=1_002.0)


def standings(evidence: Evidence, guarantee: str | None = "exactly_once") -> dict[str, Standing]:
    return {promise.name: promise.standing for promise in promises_of(evidence, guarantee, 1)}


def changed(**fields: Any) -> Evidence:
    return dataclasses.replace(RIGHT, **fields)


def test_a_correct_job_keeps_all_promises_and_a_run_without_faults_says_nothing() -> None:
    assert standings(RIGHT) == dict.fromkeys((OUTPUTS, ACTIONS, STATE, LIVE), KEPT)
    assert all(promise.reason == "" for promise in promises_of(RIGHT, "exactly_once", 1))
    assert promises_of(changed(steps=()), "exactly_once", 1) == ()


@pytest.mark.parametrize(
    ("evidence", "promise", "standing", "reason"),
    [
        (ToyJob(1, "double").evidence(), OUTPUTS, BROKEN, "output duplicated"),
        (ToyJob(1, "silent fresh start").evidence(), STATE, BROKEN, "the job began anew"),
        (ToyJob(1, "endless retry").evidence(), LIVE, BROKEN, "the job does not recover"),
        (changed(action_states=None), ACTIONS, NOT_PROMISED, "no action state store"),
        (changed(action_states=None, action_states_unknown="gone"), ACTIONS, UNKNOWN, "gone"),
        (changed(steps=(PAUSE,), checkpoints=None), STATE, UNKNOWN, "nothing interrupted the job"),
        (changed(steps=(PAUSE,), checkpoints=None), LIVE, UNKNOWN, "nothing interrupted the job"),
        (changed(steps=(PAUSE,), checkpoints=None), ACTIONS, UNKNOWN, "nothing interrupted the job"),
        (changed(steps=(PAUSE,), checkpoints=None), OUTPUTS, KEPT, ""),
        (changed(checkpoints=Checkpoints(0)), STATE, UNKNOWN, "no checkpoint had been completed before the step"),
    ],
)
def test_a_promise_is_kept_only_if_the_run_put_it_to_the_test(
    evidence: Evidence, promise: str, standing: Standing, reason: str
) -> None:
    (found,) = (each for each in promises_of(evidence, "exactly_once", 1) if each.name == promise)
    assert found.standing is standing, found
    assert reason in found.reason


@pytest.mark.parametrize(("action", "standing"), [("", BROKEN), ("pay", UNKNOWN)])
def test_a_job_that_a_fault_ended_did_not_go_on(action: str, standing: Standing) -> None:
    """If its own action raised, the engine may have kept its promise."""
    fields = {"complete": True, "job_state": "FAILED", "outputs": (), "checkpoints": None, "effects": ()}
    failed = changed(failure=Failure("no generator", "AttributeError", action=action), action_states=(), **fields)
    (live,) = (promise for promise in promises_of(failed, "exactly_once", 1) if promise.name == LIVE)
    assert live.standing is standing
    assert ("failed for good after the step" in live.reason) is (standing is BROKEN)


def test_a_scenario_that_states_no_exact_delivery_shows_none() -> None:
    assert standings(RIGHT, None)[OUTPUTS] is UNKNOWN
    assert standings(RIGHT, "at_least_once")[OUTPUTS] is NOT_PROMISED


def test_a_fault_that_was_not_felt_proves_nothing_and_hides_nothing() -> None:
    silent = StepRecord("after 9 s", "kill broker", None, None)
    assert standings(changed(steps=(*RIGHT.steps, silent))) == dict.fromkeys((OUTPUTS, ACTIONS, STATE, LIVE), UNKNOWN)
    twice = (*RIGHT.outputs, RIGHT.outputs[0])
    assert standings(changed(outputs=twice, steps=(*RIGHT.steps, silent)))[OUTPUTS] is BROKEN


def test_a_failure_of_the_job_itself_is_an_interruption() -> None:
    failed = Evidence(
        "embedded",
        "1.20.3",
        "upstream",
        outputs=(Output("a", 1, 0, 1_010.0),),
        input_keys=("a",),
        job_state="FINISHED",
        checkpoints=Checkpoints(1, 0, 1, (Checkpoint(1, 1_000.5),), 1_005.0),
        exceptions=(JobException(1_003_000, "lost"),),
        restarts=1,
        steps=(dataclasses.replace(PAUSE, act="fail checkpoints"),),
    )
    assert standings(failed) == {OUTPUTS: KEPT, ACTIONS: NOT_PROMISED, STATE: KEPT, LIVE: KEPT}
