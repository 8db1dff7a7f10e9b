"""The plan of a run as the other language reads it."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_flink_agents.plan import PlanDifference


@dataclass(frozen=True, slots=True)
class PlanReading:
    """The plan of a run after a language has read and written it.

    ``reader`` is ``Java`` or ``Python``, ``differences`` are those of what it wrote. ``error`` says why
    it could not read the plan. ``needed`` is True if the run depends on it: upstream's engine is Java,
    and Python reads the plan of a Java agent only for its Python parts.
    """

    reader: str
    digest: str
    differences: tuple[PlanDifference, ...] = ()
    error: str = ""
    needed: bool = True
