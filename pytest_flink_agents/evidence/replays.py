"""Inputs of an agent that were run again from their crash points, as evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flink_testbed.ledger.entry import EffectCall


@dataclass(frozen=True, slots=True)
class InputRun:
    """The outputs, events and memory of the run of one input, or of all inputs of one key.

    ``events`` are pairs of type and attributes, ``memory`` is the short-term memory of the key at
    the end, by dotted path. ``failure`` is the text of the failure that ended it, empty without one.
    ``tool_calls`` and ``effects`` are empty in a replay: its events have the first, and its ledger the second.
    """

    outputs: tuple[Any, ...] = ()
    events: tuple[tuple[str, Any], ...] = ()
    memory: Mapping[str, Any] = field(default_factory=dict)
    failure: str = ""
    tool_calls: tuple[Any, ...] = ()
    effects: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """A record in the action state store: of a durable ``call``, or without one of a whole action.

    ``ended`` is False for the record that a call with a reconciler begins.
    """

    action: str
    call: str = ""
    ended: bool = True

    @property
    def text(self) -> str:
        """The step as words."""
        if not self.call:
            return f"action {self.action}"
        return f"{'' if self.ended else 'the begin of '}durable call {self.call} of action {self.action}"


@dataclass(frozen=True, slots=True)
class UndisturbedRun:
    """The run of an input without a crash, and the steps that it recorded."""

    input: int
    key: Any
    steps: tuple[RecordedStep, ...]
    run: InputRun


@dataclass(frozen=True, slots=True)
class Replay:
    """The run of an input from one crash point: ``after`` that many recorded steps.

    ``attempt`` is the number that its calls carry. ``problem`` says why there is no ``run``. ``died`` is
    the number of the calls before the crash; None if those of the undisturbed run stand for them.
    """

    attempt: int
    input: int
    after: int
    run: InputRun | None
    problem: str = ""
    died: int | None = None


@dataclass(frozen=True, slots=True)
class Replays:
    """The replays of a run, and the undisturbed repetition that they are compared with.

    ``calls`` are those of all these runs; attempt 0 is the undisturbed one. ``points`` is the number
    of crash points; if ``replays`` are fewer, they were drawn from ``seed``, or without one evenly. Without a store a crash
    loses all steps of an input, so each has one replay. ``unknown`` says why runs or calls may be
    missing, and is empty otherwise.
    """

    undisturbed: tuple[UndisturbedRun, ...] = ()
    replays: tuple[Replay, ...] = ()
    calls: tuple[EffectCall, ...] = ()
    points: int = 0
    seed: int | None = None
    with_store: bool = True
    unknown: str = ""

    def __str__(self) -> str:
        how = "evenly chosen" if self.seed is None else f"drawn from seed {self.seed}"
        drawn = f", {how}" if len(self.replays) < self.points else ""
        return f"{len(self.replays):,} of {self.points:,} crash points replayed{drawn}"
