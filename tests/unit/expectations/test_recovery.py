"""The word ``recovery``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.evidence.model import Checkpoints, Evidence, JobException, Output, StepRecord
from pytest_flink_agents.run.figures import figures

if TYPE_CHECKING:
    from tests.unit.expectations.conftest import Stated

VALID, INVALID, UNKNOWN = Validity.VALID, Validity.INVALID, Validity.UNKNOWN
KILLED = "tiers: [embedded]\nfaults: [{after: {outputs: 1}, kill: taskmanager}]\n"
KILLED_JOBMANAGER = KILLED.replace("taskmanager", "jobmanager")
DELIVERY = "delivery: {outputs: exactly_once}"
BEGAN_S = 1_000.0
# Killed after 2 s, running again 6.5 s later.
KILL = StepRecord(
    "after 1 outputs",
    "kill taskmanager",
    2.0,
    felt=True,
    detail="taskmanager-0 was killed",
    recovered_after_s=6.4,
    interrupted=True,
    began_s=BEGAN_S,
    ended_s=BEGAN_S + 6.5,
)
PAUSE = dataclasses.replace(KILL, act="pause taskmanager", interrupted=False, recovered_after_s=None)
NEVER = dataclasses.replace(KILL, recovered_after_s=None, ended_s=BEGAN_S + 90.0, detail="gave up waiting")
OTHER_FAILURE = JobException(int((BEGAN_S + 8) * 1000), "checkpoint declined")


def at(*seconds: float | None) -> tuple[Output, ...]:
    """Return outputs of these seconds after the kill."""
    times = [None if each is None else BEGAN_S + each for each in seconds]
    return tuple(Output("c-1", number, number, time) for number, time in enumerate(times))


RUN = Evidence(
    "embedded",
    "2.2.1",
    "bundled",
    outputs=at(-1, 7, 7.5),
    input_keys=("c-1", "c-1", "c-1"),
    job_state="FINISHED",
    log_errors=(),
    checkpoints=Checkpoints(5, 0, 1, restored_s=BEGAN_S + 6),
    restarts=1,
    exceptions=(JobException(int((BEGAN_S + 1) * 1000), "TaskManager lost"),),
    steps=(KILL,),
)


def of(*steps: StepRecord, **fields: Any) -> Evidence:
    """Return the run with other steps and fields."""
    return dataclasses.replace(RUN, steps=steps, **fields)


@pytest.mark.parametrize(
    ("words", "evidence", "validity"),
    [
        ("running_within: 7s", RUN, VALID),
        ("running_within: 6s", RUN, INVALID),
        ("running_within: 6s", of(PAUSE, exceptions=()), VALID),
        ("running_within: 60s", of(NEVER), INVALID),
        ("running_within: 2m", of(NEVER), UNKNOWN),
        ("running_within: 2m", of(NEVER, job_state="FAILED"), INVALID),
        ("running_within: 7s", of(KILL, dataclasses.replace(KILL, recovered_after_s=8.0)), INVALID),
        ("running_within: 7s", of(dataclasses.replace(KILL, felt=False)), UNKNOWN),
        ("running_within: 7s", of(StepRecord("after 9 outputs", "kill taskmanager")), UNKNOWN),
        ("running_within: 7s", of(), UNKNOWN),
        # A failure that no fault explains, before and after the first one.
        ("running_within: 7s", of(KILL, exceptions=(*RUN.exceptions, OTHER_FAILURE)), UNKNOWN),
        ("running_within: 6s", of(KILL, exceptions=(*RUN.exceptions, OTHER_FAILURE)), INVALID),
        ("running_within: 7s", of(PAUSE), UNKNOWN),
        ("running_within: 7s", of(KILL, exceptions=(JobException(1, "too few slots"),)), VALID),
        ("first_output_within: 7s", RUN, VALID),
        ("first_output_within: 6s", RUN, INVALID),
        ("first_output_within: 7s", of(KILL, exceptions=(*RUN.exceptions, OTHER_FAILURE)), UNKNOWN),
        # Written before the whole job had noticed the fault.
        ("first_output_within: 7s", of(KILL, outputs=at(0.5, 7)), VALID),
        ("first_output_within: 7s", of(KILL, outputs=at(0.5, 8)), UNKNOWN),
        ("first_output_within: 7s", of(KILL, outputs=at(0.5)), UNKNOWN),
        ("first_output_within: 7s", of(KILL, outputs=at(-2, -1)), UNKNOWN),
        ("first_output_within: 7s", of(KILL, outputs=at(-1, 7, None)), UNKNOWN),
        ("first_output_within: 7s", of(KILL, outputs=()), UNKNOWN),
        ("max_restarts: 1", RUN, VALID),
        ("max_restarts: 0", RUN, INVALID),
        ("max_restarts: 1", of(KILL, checkpoints=None), UNKNOWN),
        ("running_within: 7s, max_restarts: 0", RUN, INVALID),
    ],
)
def test_recovery_from_a_killed_taskmanager(words: str, evidence: Evidence, validity: Validity, stated: Stated) -> None:
    expect = f"{DELIVERY}\nrecovery: {{{words}}}"
    assert stated.validity("recovery", expect, evidence, KILLED) is validity


@pytest.mark.parametrize(
    ("words", "evidence", "validity"),
    [
        ("running_within: 7s", of(KILL, exceptions=()), VALID),
        ("running_within: 7s", of(PAUSE, KILL, exceptions=()), UNKNOWN),
        ("max_restarts: 1", RUN, UNKNOWN),
        ("max_restarts: 0", RUN, INVALID),
    ],
)
def test_a_killed_jobmanager_forgets_failures(
    words: str, evidence: Evidence, validity: Validity, stated: Stated
) -> None:
    assert stated.validity("recovery", f"recovery: {{{words}}}", evidence, KILLED_JOBMANAGER) is validity


@pytest.mark.parametrize(
    ("expect", "more", "code", "message"),
    [
        ("recovery: {running_within: 20s}", "", "FA204", "expect.recovery without faults"),
        ("recovery: {}", KILLED, "FA204", "a key is missing in expect.recovery"),
        ("recovery: {runing_within: 20s}", KILLED, "FA202", 'unknown key "runing_within" in expect.recovery'),
        ("recovery: {running_within: 20}", KILLED, "FA203", "wrong value for expect.recovery.running_within"),
        ("recovery: {max_restarts: -1}", KILLED, "FA203", "wrong value for expect.recovery.max_restarts"),
        (
            "recovery: {first_output_within: 20s}",
            KILLED,
            "FA204",
            "outputs have no time outside Kafka: expect.recovery.first_output_within",
        ),
    ],
)
def test_a_recovery_that_cannot_be_meant_is_refused(
    expect: str, more: str, code: str, message: str, stated: Stated
) -> None:
    ((found, text),) = stated.problems(expect, more)
    assert (found, text) == (code, message)


@pytest.mark.parametrize(
    ("evidence", "value", "reason"),
    [
        (RUN, 6.4, ""),
        (of(KILL, dataclasses.replace(KILL, recovered_after_s=8.0)), 8.0, ""),
        (of(PAUSE, exceptions=()), 0.0, ""),
        (of(dataclasses.replace(KILL, felt=False)), None, "the job felt no fault"),
        (of(NEVER), None, 'not seen to run again after "kill taskmanager" (after 1 outputs)'),
        (of(KILL, exceptions=(*RUN.exceptions, OTHER_FAILURE)), None, "the job failed at another time, too"),
    ],
)
def test_a_policy_limits_the_longest_recovery(
    evidence: Evidence, value: float | None, reason: str, stated: Stated
) -> None:
    faulty = stated.load("outputs: []", KILLED).scenario
    figure = figures(faulty, evidence, {})["recovery"]
    assert figure.value == value
    assert figure.reason.startswith(reason)
    assert "recovery" not in figures(stated.load("outputs: []").scenario, evidence, {})


def test_the_message_is_the_reviewed_one(stated: Stated) -> None:
    words = "recovery: {running_within: 5s, first_output_within: 6s, max_restarts: 0}"
    stated.fails("recovery", f"{DELIVERY}\n{words}", RUN, KILLED)
