"""Releases of flink-agents other than the default. That 0.1, 0.2 and 0.4 are refused is told in the unit tests."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from flink_testbed.artifacts.versions import resolve_flink
from pytest_flink_agents.plugin import plan_of
from pytest_flink_agents.provision.environment import Workplace
from pytest_flink_agents.run.scenario_run import run_local
from pytest_flink_agents.settings import Engine

pytestmark = pytest.mark.slow


@pytest.fixture
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workplace]:
    """A workplace with flink-agents 0.3.0, which has fewer option classes than 0.3.1."""
    settings = dataclasses.replace(plan_of(request.config).settings, flink_agents="0.3.0", engine=Engine.BUNDLED)
    release = resolve_flink("2.2", settings.flink_agents)
    workplace = Workplace(settings, release, (), run_id="a-test", directory=tmp_path, progress=lambda line: None)
    yield workplace
    workplace.close()


def test_the_first_release_of_0_3_runs(older: Workplace, run_request) -> None:
    """Memory, events and their log, and options by name."""
    inputs = [("ada", {"item": "tea", "amount": 3}), ("ada", {"item": "cake", "amount": 4})]
    evidence = run_local(run_request("scenarios.agents.till:TillAgent", inputs), older)
    assert older.environment.flink_agents_version == "0.3.0"
    assert [output.value["total"] for output in evidence.outputs] == [3, 7]
    assert len(evidence.events) == 6
    assert evidence.config["event-log.level"]["value"] == "VERBOSE"
