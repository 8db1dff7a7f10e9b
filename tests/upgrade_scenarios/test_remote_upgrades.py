"""Upgrades of an agent and of a team's own job on an external cluster, whose part the session's own one plays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flink_testbed.flink.access import RestAccess
from flink_testbed.flink.cluster import FlinkCluster
from pytest_flink_agents.current import session_of
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.run.item import ScenarioRun
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.load import load_file
from pytest_flink_agents.vocabulary import Tier
from tests.support.upgrade_runs import JOB_VERSIONS, copy_agents, copy_job, there_and_back

pytestmark = pytest.mark.slow

AGENTS = "tests.support.agents.versions"


@pytest.fixture
def services(request: pytest.FixtureRequest, flink_cluster: FlinkCluster, tmp_path: Path) -> Iterator[Services]:
    own = session_of(request.config).services
    access = RestAccess(flink_cluster.rest_url)
    settings = replace(own.settings, root=tmp_path, python_path=(), remote=access, tiers=(Tier.REMOTE,))
    made = Services(settings, directory=tmp_path / "runs", progress=own.progress, redactor=own.redactor)
    yield made
    made.close()
    assert not made.leaks
    flink_cluster.require_alive()
    assert all(job.ended for job in flink_cluster.jobs())


@pytest.mark.parametrize(
    ("subject", "before", "amount"),
    [
        # The cluster imports the modules of this repository, as it is on this machine.
        (f"agent: {AGENTS}:NextTill", f"{{agent: {AGENTS}:Till}}", "count"),
        JOB_VERSIONS,
    ],
)
def test_an_upgrade_and_the_way_back(
    subject: str, before: str, amount: str, services: Services, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    copy_agents(tmp_path)
    copy_job(tmp_path)
    file = tmp_path / "remote.scenario.yaml"
    text = there_and_back("on and back", Tier.REMOTE, subject, before, amount, within="120s")
    file.write_text(text, encoding="utf-8")
    (loaded,) = load_file(file, Project.of(services.settings))
    run = ScenarioRun(services, loaded, Tier.REMOTE, session_of(request.config).releases[0])
    run.provision()
    checked = run.run_and_check(tmp_path / "runs" / "run", lambda seed: "again")
    assert checked.valid, checked.text
    upgrade = checked.evidence.upgrade
    assert upgrade is not None
    assert [version.began_anew for version in upgrade.versions] == [False] * 3
