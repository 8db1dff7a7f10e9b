"""The subject of a run: an agent, a job of the user's own, or a script. Free of placeholders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flink_testbed.core.problem import Problem


@dataclass(frozen=True, slots=True)
class AgentSubject:
    """An agent with its resources, as the runtime takes them.

    ``spec`` has the fields ``agent`` (``module:Class``, or a mapping that names a file) and ``resources`` (sections of
    upstream's YAML). ``config`` are options of flink-agents, ``flink_config`` options of the job on Flink. ``seed`` draws the
    order of keys on the local tier.
    """

    name: str
    spec: Mapping[str, Any]
    config: Mapping[str, Any] = field(default_factory=dict)
    flink_config: Mapping[str, str] = field(default_factory=dict)
    parallelism: int = 1
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class JobSubject:
    """A program that ``flink run`` submits: a Python file or a jar, with its arguments and environment variables.

    ``expected_outputs`` is how many outputs an unbounded job writes before it is done, None if that is not known.
    """

    file: Path
    args: tuple[str, ...] = ()
    main_class: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    parallelism: int = 1
    expected_outputs: int | None = None


@dataclass(frozen=True, slots=True)
class ScriptSubject:
    """A Python script that makes a local agents environment of its own. ``seed`` draws the order of keys."""

    file: Path
    args: tuple[str, ...] = ()
    seed: int | None = None


Subject = AgentSubject | JobSubject | ScriptSubject


class AgentRefusedError(Exception):
    """The agent cannot be built: the job's fault, not the environment's. ``problem`` says what to change."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.render())
        self.problem = problem
