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


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an agent or of a job of the user's own, and the job that ran it.

    ``name`` is its part in the rehearsal, like ``candidate``. ``savepoint`` is the one that it was started from, empty for
    the first version; ``restored`` is the one that Flink says it restored, empty if it restored none. On the local tier
    both say how many states of keys, and there is no job. ``parallelism`` is that of the job, 0 if it is not known,
    ``runs_on`` are its releases of Flink, flink-agents and Python, and ``python_mode`` is that of the bundled engine on Flink, or
    the one that a program in Python chose: thread or process. ``dropped`` are the ids of the operators whose state it
    did not take from the savepoint, None if that is not known.
    """

    name: str
    agent: str
    job_id: str
    savepoint: str = ""
    restored: str = ""
    parallelism: int = 0
    runs_on: str = ""
    python_mode: str = ""
    dropped: tuple[str, ...] | None = ()

    @property
    def began_anew(self) -> bool:
        """True if the job did not restore the savepoint that it was started from."""
        return bool(self.savepoint) and _place(self.restored) != _place(self.savepoint)


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The versions that were started, of as many as were ``planned``.

    ``baseline`` and ``candidate`` are their plans as JSON data. With ``stateless`` each version begins anew on purpose.
    """

    versions: tuple[Version, ...]
    planned: int
    baseline: Mapping[str, Any] = field(default_factory=dict)
    candidate: Mapping[str, Any] = field(default_factory=dict)
    stateless: bool = False


def _place(savepoint: str) -> str:
    """Return a savepoint's path without the scheme, which Flink writes as ``file:/`` or ``file:///``."""
    scheme, _, path = savepoint.rpartition(":")
    return f"{scheme}:/{path.lstrip('/')}" if path else ""
