"""One version of an agent in a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pytest_flink_agents.run.place import Place
    from pytest_flink_agents.run.subject import AgentSubject, JobSubject


class RunVersion(NamedTuple):
    """One version that a run starts; ``name`` is empty in a run of one version."""

    name: str
    subject: AgentSubject | JobSubject
    place: Place
