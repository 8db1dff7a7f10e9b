"""One agent must not take the others down: a cluster that lost a process is replaced."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flink_testbed.core.problem import HostError
from flink_testbed.flink.cluster import FlinkCluster
from pytest_flink_agents.provision.environment import TestEnvironment
from tests.support.runs import run

pytestmark = pytest.mark.slow

TILL = "scenarios.agents.till:TillAgent"


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
        evidence = run(run_request(TILL, [("k", {"item": "i", "amount": 1})]), own)
        assert evidence.job_state == "FINISHED", evidence.failure
        assert own.cluster().rest_url != first.rest_url
        assert own.cluster().directory.name == "embedded-cluster-2"
        assert any("has died" in line and "starting another cluster" in line for line in reported)
        _block_the_cluster(own, run_request, second=own.cluster())
    finally:
        own.close()


def _block_the_cluster(own: TestEnvironment, run_request, second: FlinkCluster) -> None:
    """An action that never returns: its job cannot be cancelled, and its neighbour is not judged."""
    with ThreadPoolExecutor(1) as pool:
        neighbour = pool.submit(run, run_request("tests.support.agents.napping:NapAgent", [("k", 60)]), own)
        # The neighbour's job has to run first, or it would start on the next cluster.
        while not any(job.state == "RUNNING" for job in second.jobs()):
            assert not neighbour.done()
            time.sleep(0.1)
        started_s = time.monotonic()
        evidence = run(run_request("tests.support.agents.endless:BusyAgent", [("k", 1)], within_s=3), own)
        assert time.monotonic() - started_s < 60
        assert (evidence.complete, evidence.timed_out_after_s, evidence.failure) == (False, 3, None)
        seen = evidence.log_tail.partition("\n")[0]
        assert 'still waiting on action spin of key "k" with input 1' in seen
        assert "the job could not be cancelled within 15 s" in seen
        with pytest.raises(HostError) as caught:
            neighbour.result()
    (problem,) = caught.value.problems
    assert problem.code == "FA457"
    assert "agent tests.support.agents.endless:BusyAgent ran beside this run" in problem.message
    evidence = run(run_request(TILL, [("k", {"item": "i", "amount": 1})]), own)
    assert evidence.job_state == "FINISHED", evidence.failure
    assert own.cluster().directory.name == "embedded-cluster-3"
