"""The number of a job's restarts, when Flink's exception history is too short for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from flink_testbed.flink.config import ClusterConfig
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.provision.flink_setup import FlinkSetup
from tests.support.own_cluster import own_cluster
from tests.support.runs import run

pytestmark = pytest.mark.slow

# A job that lacks a slot fails at once, and of its exceptions two are remembered.
OPTIONS = {
    "slot.request.timeout": "100ms",
    "resourcemanager.standalone.start-up-time": "100ms",
    "web.exception-history-size": "2",
}
ENDLESS = {
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": "1000",
    "restart-strategy.fixed-delay.delay": "100ms",
}


def test_all_restarts_are_counted_beyond_flinks_exception_history(
    session_environment: TestEnvironment, run_request, tmp_path: Path
) -> None:
    with own_cluster(session_environment, tmp_path / "cluster", ClusterConfig(slots=1, flink_options=OPTIONS)) as own:
        request = run_request(
            "scenarios.agents.till:TillAgent",
            [("k", {"item": "i", "amount": 1})],
            within_s=8,
            parallelism=2,
            setup=FlinkSetup(job=ENDLESS),
        )
        evidence = run(request, own)
        shown = own.cluster().rest.call("GET", f"/jobs/{evidence.job_id}/metrics", params={"get": "numRestarts"})
    assert not evidence.complete
    # Flink shows the metric up to a second late, in which the job restarts a few times.
    assert 0 <= int(shown[0]["value"]) - evidence.restarts < 10
    assert evidence.restarts > len(evidence.exceptions) == 2
    assert f"the job restarted {evidence.restarts} times" in evidence.log_tail
