"""Upgrades in containers: the version before from a commit, with an environment of its own, and a team's own job."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_flink_agents.current import session_of
from pytest_flink_agents.vocabulary import Tier
from tests.support.team_project import AGENTS, TeamProject, team_project
from tests.support.upgrade_runs import JOB_VERSIONS, copy_job, there_and_back

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TeamProject]:
    with team_project(session_of(request.config), tmp_path_factory.mktemp("team")) as made:
        made.release("v1.4.0", AGENTS.replace("class NextTill", "class Later").replace("class Till", "class NextTill"))
        (made.root / "versions.py").write_text(AGENTS.replace("class Till", "class Earlier"), encoding="utf-8")
        copy_job(made.root)
        yield replace(made, tier=Tier.CONTAINER)


@pytest.mark.parametrize(
    ("name", "subject", "before", "amount"),
    [
        ("agent", "agent: versions:NextTill", "{git: v1.4.0, requirements: [tomli==2.2.1]}", "count"),
        ("job", *JOB_VERSIONS),
    ],
)
def test_an_upgrade_and_the_way_back(
    name: str, subject: str, before: str, amount: str, project: TeamProject, tmp_path: Path
) -> None:
    text = there_and_back(name, Tier.CONTAINER, subject, before, amount, within="180s")
    run = project.checked(text, tmp_path)
    assert run.valid, run.text
    assert run.evidence.upgrade is not None
    assert [version.began_anew for version in run.evidence.upgrade.versions] == [False] * 3
