"""One agent must not take the others down: a cluster that lost a process is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from flink_testbed.core.problem import HostError
from pytest_flink_agents.provision.environment import TestEnvironment
from tests.support.runs import run

pytestmark = pytest.mark.slow


def test_a_cluster_is_replaced_after_an_agent_has_ended_its_taskmanager(
    session_environment: TestEnvironment, run_request, tmp_path: Path
) -> None:
    parts = session_environment
    reported: list[str] = []
    own = TestEnvironment(parts.settings, parts.release, (), run_id="own", directory=tmp_path, progress=reported.append)
    try:
        first = own.cluster()
        with pytest.raises(HostError) as caught:
            run(run_request("tests.support.agents.napping:ExitingAgent", [("k", 1)]), own)
        (problem,) = caught.value.problems
        assert problem.code == "FA407"
        assert "exit code 7 while agent tests.support.agents.napping:ExitingAgent ran" in problem.message
        evidence = run(run_request("scenarios.agents.till:TillAgent", [("k", {"item": "i", "amount": 1})]), own)
        assert evidence.job_state == "FINISHED", evidence.failure
        assert own.cluster().rest_url != first.rest_url
        assert own.cluster().directory.name == "embedded-cluster-2"
        assert any("has died, starting another cluster" in line for line in reported)
    finally:
        own.close()
