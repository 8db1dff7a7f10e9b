"""Runs a scenario of several versions of an agent, on the cluster of the tests' own session."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_flink_agents.run.checked_run import CheckedRun
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.load import load_file
from pytest_flink_agents.vocabulary import Tier
from tests.support import scenario_runs

_SUPPORT = Path(__file__).parent
_AGENTS = _SUPPORT / "agents"


def checked(text: str, folder: Path, request: pytest.FixtureRequest, agents: str = "versions.py") -> CheckedRun:
    """Return the result of a scenario of the ``agents`` in that file of ``tests/support/agents``."""
    copy_agents(folder, agents)
    return _checked(text, folder, request)


def checked_job(text: str, folder: Path, request: pytest.FixtureRequest) -> CheckedRun:
    """Return the result of a scenario of the job ``keyed_totals.py``."""
    shutil.copy(_SUPPORT / "jobs" / "keyed_totals.py", folder)
    return _checked(text, folder, request)


def _checked(text: str, folder: Path, request: pytest.FixtureRequest) -> CheckedRun:
    file = folder / "upgrade.scenario.yaml"
    file.write_text(text, encoding="utf-8")
    (loaded,) = load_file(file, Project(folder))
    return scenario_runs.checked(request, loaded, Tier.EMBEDDED, folder / "run")


def copy_agents(project: Path, name: str = "versions.py") -> None:
    """Copy the agents of one file to a project, under their own name."""
    agents = project / "tests" / "support" / "agents"
    agents.mkdir(parents=True)
    shutil.copy(_AGENTS / name, agents)
