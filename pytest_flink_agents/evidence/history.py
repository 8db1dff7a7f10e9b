"""The history of one run: its operations with their times, as the checkers of guarantees read them.

Built from evidence alone, so that a test can make up any history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pytest_flink_agents.evidence.model import Evidence, Output, StepRecord


@dataclass(frozen=True, slots=True)
class Input:
    """One input: its number, from 0, and its key."""

    number: int
    key: Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One step of the timeline that was performed.

    ``began_s`` and ``ended_s`` are seconds since 1970; the end includes the recovery. ``felt`` is False if it had no
    effect on the run.
    """

    name: str
    began_s: float
    ended_s: float
    felt: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """The operations of one run.

    Every input was acknowledged before the job started. ``outputs`` are those that a reader of committed records sees, in
    their order; ``uncommitted`` are others in the topic, ``inputs_in_topic`` counts the records there, None if neither
    was looked at. ``drained`` is True if the job read its inputs to the end, or was stopped once it had done its work;
    ``final`` is True if no further output can come.
    """

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    drained: bool
    final: bool
    uncommitted: tuple[Output, ...] | None = None
    inputs_in_topic: int | None = None
    faults: tuple[Fault, ...] = ()


def history_of(evidence: Evidence) -> History:
    """Return the history of a run."""
    topics = evidence.topics
    return History(
        inputs=tuple(Input(number, key) for number, key in enumerate(evidence.input_keys)),
        outputs=evidence.outputs,
        drained=evidence.complete and (evidence.job_state == "FINISHED" or evidence.stopped),
        final=evidence.complete,
        uncommitted=None if topics is None else topics.uncommitted,
        inputs_in_topic=None if topics is None else topics.inputs,
        faults=_faults(evidence.steps),
    )


def _faults(steps: Sequence[StepRecord]) -> tuple[Fault, ...]:
    return tuple(
        Fault(step.act, step.began_s, step.ended_s, bool(step.felt), step.detail)
        for step in steps
        if step.began_s is not None and step.ended_s is not None
    )
