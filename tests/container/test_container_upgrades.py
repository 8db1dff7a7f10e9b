"""Upgrades in containers: the version before from a commit, with an environment of its own, and a team's own job."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_flink_agents.current import session_of
from pytest_flink_agents.vocabulary import Tier
from tests.support.team_project import AGENTS, TeamProject, team_project

pytestmark = pytest.mark.slow

JOB = Path(__file__).parents[1] / "support" / "jobs" / "keyed_totals.py"
ARGUMENTS = '"${kafka.bootstrap}", "${input.topic}", "${output.topic}", "${kafka.connector}"'
UPGRADE = """\
version: "1"
name: {name}
{subject}
tiers: [container]
inputs:
  - generate: {{count: 24, keys: 3, value: {{customer: "${{input.key}}", amount: 1, number: "${{input.number}}"}}}}
upgrade:
  from: {before}
  after: {{outputs: 5}}
  rollback: true
expect:
  delivery: {{outputs: exactly_once}}
  outputs: {{count: 24, distinct: "[customer, {amount}]"}}
within: 180s
"""


@pytest.fixture(scope="module")
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TeamProject]:
    with team_project(session_of(request.config), tmp_path_factory.mktemp("team")) as made:
        made.release("v1.4.0", AGENTS.replace("class NextTill", "class Later").replace("class Till", "class NextTill"))
        (made.root / "versions.py").write_text(AGENTS.replace("class Till", "class Earlier"), encoding="utf-8")
        shutil.copy(JOB, made.root)
        yield replace(made, tier=Tier.CONTAINER)


@pytest.mark.parametrize(
    ("name", "subject", "before", "amount"),
    [
        ("agent", "agent: versions:NextTill", "{git: v1.4.0, requirements: [tomli==2.2.1]}", "count"),
        (
            "job",
            f"job: {{python: keyed_totals.py, args: [{ARGUMENTS}, v2]}}",
            f"{{job: {{python: keyed_totals.py, args: [{ARGUMENTS}, v1]}}}}",
            "total",
        ),
    ],
)
def test_an_upgrade_and_the_way_back(
    name: str, subject: str, before: str, amount: str, project: TeamProject, tmp_path: Path
) -> None:
    text = UPGRADE.format(name=name, subject=subject, before=before, amount=amount)
    run = project.checked(text, tmp_path)
    assert run.valid, run.text
    assert run.evidence.upgrade is not None
    assert [version.began_anew for version in run.evidence.upgrade.versions] == [False] * 3
