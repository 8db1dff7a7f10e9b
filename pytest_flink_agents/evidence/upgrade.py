"""The jobs of a run that replace each other: versions of an agent, or one agent with another parallelism."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# The names of the versions in their order, and the act of the steps that stop one for the next.
BASELINE, CANDIDATE, BASELINE_AGAIN = "baseline", "candidate", "baseline after the rollback"
STOP = "stop with a savepoint for the "
STOP_AT_CHECKPOINT = "stop at the last checkpoint for the "
STOP_WITHOUT_STATE = "stop without state for the "
RESCALE = "rescale to parallelism "
STOPS = (STOP, STOP_AT_CHECKPOINT, STOP_WITHOUT_STATE, RESCALE)
# Steps of a candidate that is alive beside the baseline; a stop for one goes on with the offset from which it serves.
START_BESIDE = f"start the {CANDIDATE} beside the {BASELINE}"
FROM_OFFSET = ", which serves from offset "


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an agent or of a job of the user's own, and the job that ran it.

    ``name`` is its part in the rehearsal, like ``candidate``. ``savepoint`` is the one that it was started from, empty for
    the first version; ``restored`` is the one that Flink says it restored, empty if it restored none, and None if Flink
    did not say. On the local tier both say how many states of keys, and there is no job. ``parallelism`` is that of the
    job, 0 if it is not known, ``runs_on`` are its releases of Flink, flink-agents and Python, and ``python_mode`` is that
    of the bundled engine on Flink, or the one that a program in Python chose: thread or process, empty without an
    operator in Python. ``dropped`` are the ids of the operators whose state it did not take from the savepoint. Both are
    None if that is not known.
    """

    name: str
    agent: str
    job_id: str
    savepoint: str = ""
    restored: str | None = ""
    parallelism: int = 0
    runs_on: str = ""
    python_mode: str | None = ""
    dropped: tuple[str, ...] | None = ()

    @property
    def began_anew(self) -> bool:
        """True if the job is known not to have restored the savepoint that it was started from."""
        return bool(self.savepoint) and self.restored is not None and _place(self.restored) != _place(self.savepoint)


@dataclass(frozen=True, slots=True)
class ShadowDifference:
    """One place at which a candidate in its shadow did not do what the baseline did; both values are JSON text."""

    key: str
    place: str
    baseline: str
    candidate: str


@dataclass(frozen=True, slots=True)
class BlueGreen:
    """Two versions that were alive at the same time.

    ``first`` and ``offset`` are offsets in the topic of the inputs, which count the inputs: both versions handled those from
    ``first`` up to ``offset``, and from there on the candidate serves, if ``served``. ``outputs_from`` is the offset in the
    candidate's own topic from which on its outputs are served, None if they never were.

    ``wanted`` is the step after which the scenario gives the candidate up on purpose, ``step`` the one at which it was given
    up, both empty for none. ``reason`` is empty if that was on purpose; it proves nothing about the candidate without
    ``known``. ``outputs`` and ``calls`` count what was compared, ``differences`` are the first ones of what differed.
    ``savepoint`` is the last one of the baseline, from which it can be started again. ``losses`` are the processes that
    the baseline lost although the run went on, in words.
    """

    first: int
    offset: int
    wanted: str = ""
    step: str = ""
    reason: str = ""
    known: bool = True
    served: bool = False
    outputs_from: int | None = None
    outputs: int = 0
    calls: int = 0
    differences: tuple[ShadowDifference, ...] = ()
    remarks: tuple[str, ...] = ()
    savepoint: str = ""
    losses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The versions that were started, of as many as were ``planned``.

    ``baseline`` and ``candidate`` are their plans as JSON data. With ``stateless`` each version begins anew on purpose.
    ``blue_green`` says how two versions were alive at the same time, None if they were not.
    """

    versions: tuple[Version, ...]
    planned: int
    baseline: Mapping[str, Any] = field(default_factory=dict)
    candidate: Mapping[str, Any] = field(default_factory=dict)
    stateless: bool = False
    blue_green: BlueGreen | None = None


def _place(savepoint: str) -> str:
    """Return a savepoint's path without the scheme, which Flink writes as ``file:/`` or ``file:///``."""
    scheme, _, path = savepoint.rpartition(":")
    return f"{scheme}:/{path.lstrip('/')}" if path else ""
