"""A scenario that starts the next version of an agent from a savepoint, from its YAML to its result."""

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

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]

UPGRADE = """\
version: "1"
name: each customer keeps the count
agent: tests.support.agents.versions:NextTill
tiers: [embedded]
inputs:
  - generate: {count: 24, keys: 3, value: tea}
upgrade:
  from: {agent: tests.support.agents.versions:Till}
  after: {outputs: 9}
  inputs: 9
  in_flight: 6
expect:
  delivery: {outputs: exactly_once}
  downtime: 30s
within: 60s
"""


def checked(text: str, folder: Path, request: pytest.FixtureRequest) -> CheckedRun:
    """Run a scenario of this repository's agents on the session's cluster."""
    session = session_of(request.config)
    agents = folder / "tests" / "support" / "agents"
    agents.mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "support" / "agents" / "versions.py", agents)
    (folder / "upgrade.scenario.yaml").write_text(text)
    (loaded,) = load_file(folder / "upgrade.scenario.yaml", Project(folder))
    run = ScenarioRun(session.services, loaded, Tier.EMBEDDED, session.releases[0])
    run.provision()
    return run.run_and_check(folder / "run", lambda seed: "again")


def test_the_next_version_goes_on_with_the_memory_of_the_one_before(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run = checked(UPGRADE, tmp_path, request)
    assert run.valid, run.text
    upgrade = run.evidence.upgrade
    assert upgrade is not None
    assert [version.name for version in upgrade.versions] == ["baseline", "candidate"]
    assert upgrade.versions[1].restored
    counts = [(output.input, output.value["count"]) for output in run.evidence.outputs]
    assert sorted(counts) == [(number, number // 3 + 1) for number in range(24)], "a count of each customer"
    versions = {output.input: output.value["version"] for output in run.evidence.outputs}
    assert [versions[number] for number in (0, 8, 15, 23)] == ["v1", "v1", "v2", "v2"]
