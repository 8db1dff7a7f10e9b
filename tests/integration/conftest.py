"""The session's running parts, for tests that look at them directly."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_flink_agents.plugin import plan_of
from pytest_flink_agents.run.scenario_run import RunRequest
from pytest_flink_agents.run.workplace import Workplace


@pytest.fixture(scope="session")
def workplace(request: pytest.FixtureRequest) -> Workplace:
    """Environment, worker, cluster and submitter of the session."""
    plan = plan_of(request.config)
    return plan.session.workplace(plan.releases[0])


@pytest.fixture
def run_request(tmp_path: Path):
    """Make a request for one of our own agents."""

    def make(agent: str, inputs: list[tuple[object, object]], within_s: float = 60, **fields: object) -> RunRequest:
        records = [{"key": key, "value": value} for key, value in inputs]
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        spec = {"agent": agent, "resources": {}}
        return RunRequest("a test", spec, {}, records, within_s, folder, **fields)  # type: ignore[arg-type]

    return make
