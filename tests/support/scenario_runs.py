"""Runs a loaded scenario on the services of the tests' own session."""

from __future__ import annotations

from pathlib import Path

import pytest

from flink_testbed.artifacts.versions import resolve_flink
from pytest_flink_agents.current import session_of
from pytest_flink_agents.run.checked_run import CheckedRun
from pytest_flink_agents.run.item import ScenarioRun
from pytest_flink_agents.scenario.loaded import LoadedScenario
from pytest_flink_agents.vocabulary import Tier


def checked(
    request: pytest.FixtureRequest, loaded: LoadedScenario, tier: Tier, folder: Path, flink_version: str = ""
) -> CheckedRun:
    """Run a scenario and check it; ``folder`` gets its evidence.

    Without a ``flink_version``, like 2.2 or 2.2.1, it runs on the first one of the session.
    """
    session = session_of(request.config)
    release = resolve_flink(flink_version) if flink_version else session.releases[0]
    run = ScenarioRun(session.services, loaded, tier, release)
    run.provision()
    return run.run_and_check(folder, lambda seed: "again")
