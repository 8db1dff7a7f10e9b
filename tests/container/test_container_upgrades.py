"""Upgrades in containers: the version before from a commit, a savepoint, another Flink, and a team's own job."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pytest_flink_agents.current import session_of
from pytest_flink_agents.run.checked_run import CheckedRun
from pytest_flink_agents.vocabulary import Tier
from tests.support.team_project import AGENTS, TeamProject, team_project
from tests.support.upgrade_runs import JOB_VERSIONS, copy_job, there_and_back

pytestmark = pytest.mark.slow

FROM_STORED = """\
version: "1"
name: stored
agent: versions:NextTill
tiers: [container]
inputs:
  - generate: {count: 9, keys: 3, value: {customer: "${input.key}"}}
upgrade:
  from: {savepoint: savepoints/stored, agent: "versions:Earlier"}
expect:
  delivery: {outputs: exactly_once}
  outputs: {count: 9, distinct: "[customer, count]", each: {partial: {count: {gt: %d}}}}
within: 180s
"""


@pytest.fixture(scope="module")
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TeamProject]:
    with team_project(session_of(request.config), tmp_path_factory.mktemp("team")) as made:
        made.release("v1.4.0", AGENTS.replace("class NextTill", "class Later").replace("class Till", "class NextTill"))
        (made.root / "versions.py").write_text(AGENTS.replace("class Till", "class Earlier"), encoding="utf-8")
        copy_job(made.root)
        yield replace(made, tier=Tier.CONTAINER)


@pytest.fixture(scope="module")
def upgraded(project: TeamProject, tmp_path_factory: pytest.TempPathFactory) -> CheckedRun:
    """An agent that was upgraded from a commit with another Flink, flink-agents and requirement.

    There is no way back: Flink promises to read savepoints of older releases only. The job below goes back.
    """
    before = '{git: v1.4.0, flink: "1.20", flink_agents: "0.3.0", requirements: [tomli==2.2.1]}'
    text = there_and_back("agent", Tier.CONTAINER, "agent: versions:NextTill", before, "count", within="180s")
    return project.checked(text.replace("  rollback: true\n", ""), tmp_path_factory.mktemp("upgraded"))


def require_restored(run: CheckedRun, versions: int) -> None:
    assert run.valid, run.text
    assert run.evidence.upgrade is not None
    assert [version.began_anew for version in run.evidence.upgrade.versions] == [False] * versions


def test_an_agent_of_another_flink_and_flink_agents_is_upgraded(upgraded: CheckedRun) -> None:
    require_restored(upgraded, 2)
    assert upgraded.evidence.upgrade is not None
    before, now = (version.runs_on for version in upgraded.evidence.upgrade.versions)
    assert "Flink 1.20" in before
    assert "flink-agents 0.3.0" in before
    assert "Flink 1.20" not in now
    assert "flink-agents 0.3.0" not in now


def test_a_stored_savepoint_is_the_start(upgraded: CheckedRun, project: TeamProject, tmp_path: Path) -> None:
    assert upgraded.evidence.upgrade is not None
    written = Path(urlsplit(upgraded.evidence.upgrade.versions[1].savepoint).path)
    shutil.copytree(written, project.root / "savepoints" / "stored")
    require_restored(project.checked(FROM_STORED % 2, tmp_path), 1)


def test_a_job_is_upgraded_and_rolled_back(project: TeamProject, tmp_path: Path) -> None:
    text = there_and_back("job", Tier.CONTAINER, *JOB_VERSIONS, within="180s")
    require_restored(project.checked(text, tmp_path), 3)
