"""Runs a scenario that replaces a version of an agent, on the cluster of the tests' own session."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_flink_agents.run.checked_run import CheckedRun
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.load import load_file
from pytest_flink_agents.vocabulary import Tier
from tests.support import scenario_runs

_VERSIONS = Path(__file__).parent / "agents" / "versions.py"


def checked(text: str, folder: Path, request: pytest.FixtureRequest) -> CheckedRun:
    """Return the result of a scenario of the agents in ``tests/support/agents/versions.py``."""
    copy_agents(folder)
    file = folder / "upgrade.scenario.yaml"
    file.write_text(text, encoding="utf-8")
    (loaded,) = load_file(file, Project(folder))
    return scenario_runs.checked(request, loaded, Tier.EMBEDDED, folder / "run")


def copy_agents(project: Path) -> None:
    """Copy the agents to a project, under their own name."""
    agents = project / "tests" / "support" / "agents"
    agents.mkdir(parents=True)
    shutil.copy(_VERSIONS, agents)
