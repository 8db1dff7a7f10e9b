"""Releases of flink-agents other than the default; unit tests show which ones are refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from flink_testbed.artifacts.versions import resolve_flink
from pytest_flink_agents.current import session_of
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.vocabulary import Engine, Tier
from tests.support.runs import run

pytestmark = pytest.mark.slow


@pytest.fixture
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestEnvironment]:
    """An environment with flink-agents 0.3.0, which has fewer option classes than 0.3.1."""
    settings = dataclasses.replace(session_of(request.config).settings, flink_agents="0.3.0", engine=Engine.BUNDLED)
    release = resolve_flink("2.2", settings.flink_agents)
    environment = TestEnvironment(
        settings, release, (), run_id="a-test", directory=tmp_path, progress=lambda line: None
    )
    yield environment
    environment.close()


def test_flink_agents_0_3_0_runs_with_memory_events_and_options(older: TestEnvironment, run_request) -> None:
    inputs = [("ada", {"item": "tea", "amount": 3}), ("ada", {"item": "cake", "amount": 4})]
    evidence = run(run_request("scenarios.agents.till:TillAgent", inputs), older, Tier.LOCAL)
    assert older.environment.flink_agents_version == "0.3.0"
    assert [output.value["total"] for output in evidence.outputs] == [3, 7]
    assert len(evidence.events) == 6
    assert evidence.config["event-log.level"]["value"] == "VERBOSE"
