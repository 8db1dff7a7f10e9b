"""The history of one run: its operations with their times, as the checkers of guarantees read them.

Built from evidence alone, so that a test can make up any history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from flink_agents_runtime.engine.action_record import key_text
from flink_testbed.ledger.entry import EffectCall
from pytest_flink_agents.evidence.action_state import ActionState
from pytest_flink_agents.evidence.model import Checkpoint, Checkpoints, Evidence, JobException, Output, StepRecord
from pytest_flink_agents.vocabulary import Engine

# The act of a step that kills the JobManager.
KILL_JOBMANAGER = "kill jobmanager"


@dataclass(frozen=True, slots=True)
class Input:
    """One input: its number, from 0, and its key."""

    number: int
    key: Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One step of the timeline that was performed.

    ``began_s`` and ``ended_s`` are seconds since 1970; the end includes the recovery. ``felt`` is False if it had no
    effect on the run; ``interrupted`` is True if it restarted or ended the job. ``trigger``, ``detail`` and
    ``recovered_after_s`` are those of the step.
    """

    name: str
    began_s: float
    ended_s: float
    felt: bool
    interrupted: bool = False
    trigger: str = field(default="", compare=False)
    detail: str = field(default="", compare=False)
    recovered_after_s: float | None = field(default=None, compare=False)

    def explains(self, failed_s: float) -> bool:
        """Return whether a failure of the job is the effect of this fault.

        A fault that did not interrupt the job explains none: the job failed by itself while it lasted.
        Flink cuts the times of failures to milliseconds.
        """
        return self.interrupted and self.began_s - 0.001 <= failed_s <= self.ended_s


@dataclass(frozen=True, slots=True)
class Interruption:
    """A moment at which the job lost its progress since the last checkpoint; ``cause`` names it in words.

    ``until_s`` is the end of the recovery, as far as it is known.
    """

    cause: str
    at_s: float
    until_s: float


@dataclass(frozen=True, slots=True)
class RecordedAction:
    """A record of an action state store, with the number of its input, None if the key has no such input."""

    state: ActionState
    input: int | None


@dataclass(frozen=True, slots=True)
class History:
    """The operations of one run.

    ``acknowledged`` counts the inputs that were sent, ``unsent`` has the numbers of the others. ``outputs`` are those that
    a reader of committed records sees, in their order; ``uncommitted`` are others in the topic, ``inputs_in_topic`` counts
    the records there, None if neither was looked at. ``drained`` is True if the job read its inputs to the end, or was
    stopped once it had done its work; ``final`` is True if no further output can come; ``finished`` if the job ended by
    itself, with success.

    ``calls`` are those that the ledger recorded, ``actions`` the records of the action state store, each None without
    one, and with the reason for which it may be incomplete; ``failures_unknown`` says why the job may have been
    interrupted at other moments, too. ``checkpoints`` are the completed ones,
    ``unseen_checkpoints`` counts those of unknown times, ``restored_s`` is the time of the last restore.
    ``one_at_a_time`` says that a key handles one input after the other, as agents do and a job of the user's own may not.
    """

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    drained: bool
    final: bool
    uncommitted: tuple[Output, ...] | None = None
    inputs_in_topic: int | None = None
    faults: tuple[Fault, ...] = ()
    interruptions: tuple[Interruption, ...] = ()
    calls: tuple[EffectCall, ...] | None = None
    calls_unknown: str = ""
    actions: tuple[RecordedAction, ...] | None = None
    actions_unknown: str = ""
    acknowledged: int = 0
    checkpoints: tuple[Checkpoint, ...] = ()
    unseen_checkpoints: int = 0
    restored_s: float | None = None
    finished: bool = False
    unsent: frozenset[int] = frozenset()
    one_at_a_time: bool = False
    failures_unknown: str = ""


def history_of(evidence: Evidence) -> History:
    """Return the history of a run."""
    topics = evidence.topics
    unsent = _unsent(evidence)
    faults = _faults(evidence.steps)
    checkpoints = evidence.checkpoints or Checkpoints()
    # The last failure of a job that failed restarted nothing.
    exceptions = evidence.exceptions[:-1] if evidence.job_state == "FAILED" else evidence.exceptions
    return History(
        inputs=tuple(Input(number, key) for number, key in enumerate(evidence.input_keys)),
        outputs=evidence.outputs,
        drained=evidence.complete and (evidence.job_state == "FINISHED" or evidence.stopped),
        final=evidence.complete,
        uncommitted=None if topics is None else topics.uncommitted,
        inputs_in_topic=None if topics is None else topics.inputs,
        faults=faults,
        interruptions=_interruptions(faults, exceptions),
        calls=evidence.effects,
        calls_unknown=evidence.effects_unknown,
        actions=None if evidence.action_states is None else _recorded(evidence.action_states, evidence.input_keys),
        actions_unknown=evidence.action_states_unknown,
        acknowledged=len(evidence.input_keys) - len(unsent),
        checkpoints=checkpoints.seen,
        unseen_checkpoints=max(0, checkpoints.completed - len(checkpoints.seen)),
        restored_s=checkpoints.restored_s,
        finished=evidence.job_state == "FINISHED",
        unsent=unsent,
        failures_unknown=_failures_unknown(faults, evidence),
        one_at_a_time=evidence.engine in (Engine.BUNDLED, Engine.UPSTREAM),
    )


def _faults(steps: Sequence[StepRecord]) -> tuple[Fault, ...]:
    return tuple(
        Fault(
            step.act,
            step.began_s,
            step.ended_s,
            bool(step.felt),
            step.interrupted,
            step.trigger,
            step.detail,
            step.recovered_after_s,
        )
        for step in steps
        if step.began_s is not None and step.ended_s is not None
    )


def _interruptions(faults: Sequence[Fault], exceptions: Sequence[JobException]) -> tuple[Interruption, ...]:
    """Return the faults that interrupted the job, and its failures that no fault explains, by time."""
    by_faults = [Interruption(f'the step "{one.name}"', one.began_s, one.ended_s) for one in faults if one.interrupted]
    own = [
        Interruption(f"the failure {one.message!r}", one.at_ms / 1000, one.at_ms / 1000)
        for one in exceptions
        if not any(fault.explains(one.at_ms / 1000) for fault in faults)
    ]
    return tuple(sorted([*by_faults, *own], key=lambda one: one.at_s))


def _failures_unknown(faults: Sequence[Fault], evidence: Evidence) -> str:
    """Return the reason for which failures of the job are not known, empty if all are.

    Flink keeps its last few exceptions, and a JobManager that is killed takes all of them with it. The
    highest number of restarts that any JobManager showed is known, so that after such a kill it may be
    from before: then only faults explain it.
    """
    killed = [one for one in faults if one.name == KILL_JOBMANAGER]
    if killed:
        known = sum(one.interrupted and one.began_s < killed[-1].began_s for one in faults if one not in killed)
        forgotten = "a JobManager that was killed forgets them"
    else:
        known = max(len(evidence.exceptions), sum(one.interrupted for one in faults))
        forgotten = "Flink keeps the last ones (web.exception-history-size)"
    if evidence.restarts <= known:
        return ""
    return f"the job restarted {evidence.restarts} times, and {known} of its failures are known: {forgotten}"


def _unsent(evidence: Evidence) -> frozenset[int]:
    """Return the numbers of the inputs that were never sent.

    Those of a share whose version never began are the last ones; one that was held back to the end has those of its key
    behind it.
    """
    if not evidence.held_inputs and evidence.topics is not None and evidence.topics.sent is not None:
        return frozenset(range(evidence.topics.sent, len(evidence.input_keys)))
    numbers = _numbers(evidence.input_keys) if evidence.held_inputs else {}
    held = (
        [number for number in numbers.get(key_text(one.key), ()) if number >= one.number][: 1 + one.behind]
        for one in evidence.held_inputs
    )
    return frozenset(chain.from_iterable(held))


def _numbers(keys: Sequence[Any]) -> dict[str, list[int]]:
    """Return the numbers of the inputs of each key."""
    numbers: dict[str, list[int]] = {}
    for number, key in enumerate(keys):
        numbers.setdefault(key_text(key), []).append(number)
    return numbers


def _recorded(states: Sequence[ActionState], keys: Sequence[Any]) -> tuple[RecordedAction, ...]:
    """Return the records with their inputs: a key handles its inputs in order, and counts them from 1."""
    numbers = _numbers(keys)

    def number_of(state: ActionState) -> int | None:
        of_key = numbers.get(key_text(state.key), [])
        return of_key[state.sequence - 1] if 0 < state.sequence <= len(of_key) else None

    return tuple(RecordedAction(state, number_of(state)) for state in states)
