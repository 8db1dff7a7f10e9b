"""One agent must not take the others down: a cluster that lost a process is replaced."""

from __future__ import annotations

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flink_testbed.core.problem import HostError
from flink_testbed.flink.cluster import FlinkCluster
from pytest_flink_agents.checks.configuration import check_configuration
from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.provision.flink_setup import flink_setup
from pytest_flink_agents.scenario.configuration.content import Placed, TeamConfiguration
from pytest_flink_agents.vocabulary import Tier
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
        _need_another_configuration(own, run_request)
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


def _need_another_configuration(own: TestEnvironment, run_request) -> None:
    """An option of the cluster needs a cluster of its own, which equal runs share; the session's one stays."""
    options = {"heartbeat.timeout": Placed("9s", "config.yaml:1"), "rest.port": Placed("8081", "config.yaml:2")}
    setup = flink_setup(TeamConfiguration("config.yaml", {}, options), {}, own.settings, tier=Tier.EMBEDDED)
    session = own.cluster()
    first = own.cluster(variant=setup.variant)
    request = dataclasses.replace(run_request(TILL, [("k", {"item": "i", "amount": 1})]), setup=setup)
    evidence = run(request, own)
    assert evidence.job_state == "FINISHED", evidence.failure
    assert own.cluster(variant=setup.variant) is first
    assert first.rest.configuration()["heartbeat.timeout"] == "9s"
    assert check_configuration(evidence).validity is Validity.VALID
    row = evidence.flink_config["rest.port"]
    assert (row["source"], row["note"].startswith("config.yaml:2 says 8081: ")) == ("the harness", True)
    assert row["value"] == first.rest_url.rpartition(":")[2]
    assert own.cluster() is session
    session.require_alive()
