"""A TaskManager or the JobManager dies in the middle of a job, which resumes from its checkpoint."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.config import ClusterConfig
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.provision.flink_setup import FlinkSetup
from tests.support.own_cluster import own_cluster
from tests.support.runs import run

pytestmark = pytest.mark.slow

KEYS, INPUTS_PER_KEY = 8, 300
# A file is read at once; small buffers keep most of it in the source, so that checkpoints cut through the stream.
OPTIONS = {
    "heartbeat.interval": "500ms",
    "heartbeat.timeout": "3s",
    "taskmanager.memory.segment-size": "4kb",
    "taskmanager.network.memory.buffers-per-channel": "1",
    "taskmanager.network.memory.floating-buffers-per-gate": "1",
}
CHECKPOINTED = {
    "execution.checkpointing.interval": "300ms",
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": "5",
    "restart-strategy.fixed-delay.delay": "100ms",
}


def kill_taskmanager(cluster: FlinkCluster) -> None:
    assert cluster.processes is not None
    cluster.processes.kill_taskmanager()
    cluster.processes.add_taskmanager()


def kill_jobmanager(cluster: FlinkCluster) -> None:
    """Kill the JobManager; wait until the next one has taken over, so that the watcher sees no REST meanwhile."""
    assert cluster.processes is not None
    cluster.processes.kill_jobmanager()
    cluster.wait_ready(60)


@pytest.fixture(scope="module")
def available(
    session_environment: TestEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestEnvironment]:
    """A cluster with high availability, whose processes may be killed one after the other."""
    config = ClusterConfig(slots=2, flink_options=OPTIONS, high_availability=True)
    with own_cluster(session_environment, tmp_path_factory.mktemp("available") / "cluster", config) as own:
        yield own


@pytest.mark.parametrize("kill", [kill_taskmanager, kill_jobmanager])
def test_every_output_is_committed_once_and_in_order_after_a_process_was_killed(
    kill: Callable[[FlinkCluster], None], available: TestEnvironment, run_request
) -> None:
    """Eight keys, asynchronous actions in flight, queued inputs.

    Committed outputs are complete, without duplicates, in order per key; memory is the fold of the
    inputs.
    """
    inputs = [(f"k{number % KEYS}", number) for number in range(KEYS * INPUTS_PER_KEY)]
    request = dataclasses.replace(
        run_request("tests.support.agents.napping:PacedTill", inputs, within_s=300), setup=FlinkSetup(job=CHECKPOINTED)
    )

    def kill_after_two_checkpoints(cluster: FlinkCluster) -> int:
        def two_checkpoints() -> tuple[str | None, str]:
            jobs = [job for job in cluster.rest.jobs() if job["state"] == "RUNNING"]
            counts = cluster.rest.checkpoint_counts(jobs[0]["jid"]) if jobs else {}
            return (jobs[0]["jid"] if counts.get("completed", 0) >= 2 else None), str(counts)

        job_id = cluster.wait(two_checkpoints, what="two checkpoints", timeout_s=120)
        kill(cluster)

        def restored() -> tuple[int | None, str]:
            counts = cluster.rest.checkpoint_counts(job_id)
            return (counts["restored"] or None), str(counts)

        return int(cluster.wait(restored, what="a restore from a checkpoint", timeout_s=120))

    with ThreadPoolExecutor(1) as pool:
        killing = pool.submit(kill_after_two_checkpoints, available.cluster())
        evidence = run(request, available)
        assert killing.result() == 1, "the fault was felt"
    assert (evidence.job_state, evidence.complete) == ("FINISHED", True), evidence.log_tail
    by_key: dict[str, list[dict[str, int]]] = defaultdict(list)
    for output in evidence.outputs:
        by_key[output.key].append(output.value)
    for number in range(KEYS):
        amounts = range(number, KEYS * INPUTS_PER_KEY, KEYS)
        expected = [{"count": n, "total": sum(amounts[:n])} for n in range(1, INPUTS_PER_KEY + 1)]
        assert by_key[f"k{number}"] == expected
