"""Runs a scenario of several versions of an agent, on the cluster of the tests' own session."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_flink_agents.run.checked_run import CheckedRun
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.load import LoadedScenario, load_file
from pytest_flink_agents.vocabulary import Tier
from tests.support import scenario_runs

_THERE_AND_BACK = """\
version: "1"
name: {name}
{subject}
tiers: [{tier}]
inputs:
  - generate: {{count: 24, keys: 3, value: {{customer: "${{input.key}}", amount: 1, number: "${{input.number}}"}}}}
upgrade:
  from: {before}
  after: {{outputs: 5}}
  rollback: true
expect:
  delivery: {{outputs: exactly_once}}
  outputs: {{count: 24, distinct: "[customer, {amount}]"}}
within: {within}
"""
_ARGUMENTS = '"${kafka.bootstrap}", "${input.topic}", "${output.topic}", "${kafka.connector}"'
# A version of the job ``keyed_totals.py``, the version before it, and the amount that it counts.
JOB_VERSIONS = (
    f"job: {{python: keyed_totals.py, args: [{_ARGUMENTS}, v2]}}",
    f"{{job: {{python: keyed_totals.py, args: [{_ARGUMENTS}, v1]}}}}",
    "total",
)
_SUPPORT = Path(__file__).parent
_AGENTS = _SUPPORT / "agents"


def checked(text: str, folder: Path, request: pytest.FixtureRequest, agents: str = "versions.py") -> CheckedRun:
    """Return the result of a scenario of the ``agents`` in that file of ``tests/support/agents``."""
    copy_agents(folder, agents)
    return _checked(text, folder, request)


def checked_job(text: str, folder: Path, request: pytest.FixtureRequest, flink_version: str = "") -> CheckedRun:
    """Return the result of a scenario of the job ``keyed_totals.py``, on a Flink of its own if one is named."""
    copy_job(folder)
    return _checked(text, folder, request, flink_version)


def _checked(text: str, folder: Path, request: pytest.FixtureRequest, flink_version: str = "") -> CheckedRun:
    return scenario_runs.checked(request, loaded_upgrade(text, folder), Tier.EMBEDDED, folder / "run", flink_version)


def loaded_upgrade(text: str, folder: Path) -> LoadedScenario:
    """Write a scenario to a project and load it."""
    file = folder / "upgrade.scenario.yaml"
    file.write_text(text, encoding="utf-8")
    (loaded,) = load_file(file, Project(folder))
    return loaded


def there_and_back(name: str, tier: Tier, subject: str, before: str, amount: str, *, within: str) -> str:
    """Return a scenario of an upgrade and a rollback; each of three customers has its own ``amount``, one by one."""
    return _THERE_AND_BACK.format(name=name, tier=tier, subject=subject, before=before, amount=amount, within=within)


def copy_job(project: Path) -> None:
    """Copy the job ``keyed_totals.py`` to a project."""
    shutil.copy(_SUPPORT / "jobs" / "keyed_totals.py", project)


def copy_agents(project: Path, name: str = "versions.py") -> None:
    """Copy the agents of one file to a project, under their own name."""
    agents = project / "tests" / "support" / "agents"
    agents.mkdir(parents=True)
    shutil.copy(_AGENTS / name, agents)
