"""How often a job began again, where Flink's history of exceptions does not tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from flink_testbed.flink.config import ClusterConfig
from pytest_flink_agents.provision.environment import TestEnvironment
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


def test_a_job_that_lacks_slots_tells_all_its_restarts(workplace: TestEnvironment, run_request, tmp_path: Path) -> None:
    """It begins again until its time is up: as often as Flink's own metric says, not as exceptions are remembered."""
    with own_cluster(workplace, tmp_path / "cluster", ClusterConfig(slots=1, flink_options=OPTIONS)) as own:
        request = run_request(
            "scenarios.agents.till:TillAgent",
            [("k", {"item": "i", "amount": 1})],
            within_s=8,
            parallelism=2,
            flink_config=ENDLESS,
        )
        evidence = run(request, own)
        shown = own.cluster().rest.call("GET", f"/jobs/{evidence.job_id}/metrics", params={"get": "numRestarts"})
    assert not evidence.complete
    assert evidence.restarts == int(shown[0]["value"])
    assert evidence.restarts > len(evidence.exceptions) == 2
    assert f"the job began again {evidence.restarts} times" in evidence.log_tail
