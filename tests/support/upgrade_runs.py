"""Runs a scenario that replaces a version of an agent, on the cluster of the tests' own session."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_flink_agents.current import session_of
from pytest_flink_agents.run.checked_run import CheckedRun
from pytest_flink_agents.run.item import ScenarioRun
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.load import load_file
from pytest_flink_agents.vocabulary import Tier

_VERSIONS = Path(__file__).parent / "agents" / "versions.py"


def checked(text: str, folder: Path, request: pytest.FixtureRequest) -> CheckedRun:
    """Return the result of a scenario of the agents in ``tests/support/agents/versions.py``."""
    session = session_of(request.config)
    agents = folder / "tests" / "support" / "agents"
    agents.mkdir(parents=True)
    shutil.copy(_VERSIONS, agents)
    file = folder / "upgrade.scenario.yaml"
    file.write_text(text, encoding="utf-8")
    (loaded,) = load_file(file, Project(folder))
    run = ScenarioRun(session.services, loaded, Tier.EMBEDDED, session.releases[0])
    run.provision()
    return run.run_and_check(folder / "run", lambda seed: "again")
