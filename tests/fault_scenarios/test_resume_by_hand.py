"""Without high availability a job is lost with its JobManager, and resumes by hand from its last checkpoint."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import pytest

from flink_testbed.core.problem import HostError
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.config import ClusterConfig
from flink_testbed.kafka.service import KafkaService
from pytest_flink_agents.checks.delivery import EXACTLY_ONCE, check_delivery
from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.checks.timeline import check_timeline
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.provision.flink_setup import FlinkSetup
from pytest_flink_agents.run.records import AgentRecords
from pytest_flink_agents.run.topic_channel import TopicChannel
from tests.support.own_cluster import own_cluster
from tests.support.runs import AgentRun, run

pytestmark = pytest.mark.slow

KEYS, INPUTS_PER_KEY = 8, 300
CLUSTER = {
    "heartbeat.interval": "500ms",
    "heartbeat.timeout": "5s",
    # Small buffers keep most inputs in the source, so that checkpoints cut through the stream.
    "taskmanager.memory.segment-size": "4kb",
    "taskmanager.network.memory.buffers-per-channel": "1",
    "taskmanager.network.memory.floating-buffers-per-gate": "1",
}
CHECKPOINTED = {
    "execution.checkpointing.interval": "300ms",
    "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
}


class KeptTopics(TopicChannel):
    """Topics of two jobs, the second of which goes on with what the first has left."""

    filled = False

    def put(self) -> None:
        """Make the topics for the first job."""
        if not self.filled:
            super().put()
        self.filled = True

    def close(self) -> None:
        """Keep the topics for the next job."""

    def delete(self) -> None:
        """Delete the topics."""
        super().close()


@pytest.fixture
def cluster(session_environment: TestEnvironment, tmp_path: Path) -> Iterator[TestEnvironment]:
    """A cluster without high availability."""
    with own_cluster(session_environment, tmp_path / "cluster", ClusterConfig(flink_options=CLUSTER)) as own:
        yield own


@pytest.fixture
def topics(session_environment: TestEnvironment, kafka_service: KafkaService) -> Iterator[KeptTopics]:
    inputs = [{"key": f"k{number % KEYS}", "value": number} for number in range(KEYS * INPUTS_PER_KEY)]
    channel = KeptTopics(inputs, kafka_service, session_environment.connector, AgentRecords(), label="resumed-by-hand")
    yield channel
    channel.delete()


def lose_jobmanager(cluster: FlinkCluster, topics: KeptTopics) -> str:
    """Kill the JobManager once outputs were committed and a later checkpoint is complete; return the job's id."""
    assert cluster.processes is not None

    def ripe() -> tuple[str | None, str]:
        running = [job["jid"] for job in cluster.rest.jobs() if job["state"] == "RUNNING"]
        committed = len(topics.outputs()) if running else 0
        return (running[0] if committed else None), f"{committed} outputs of {running}"

    job_id = cluster.wait(ripe, what="committed outputs", timeout_s=60)
    completed = cluster.completed_checkpoints(job_id)

    def later() -> tuple[bool | None, str]:
        now = cluster.completed_checkpoints(job_id)
        return (now > completed or None), f"{now} checkpoints"

    cluster.wait(later, what="a later checkpoint", timeout_s=60)
    cluster.processes.kill_jobmanager()
    cluster.wait_ready(90)
    return job_id


def last_checkpoint(cluster: FlinkCluster, job_id: str) -> str:
    """Return the last complete checkpoint of a job: only such a one has metadata."""
    complete = (cluster.directory / "checkpoints" / job_id).glob("chk-*/_metadata")
    return max((path.parent for path in complete), key=lambda path: int(path.name.partition("-")[2])).as_uri()


def test_a_lost_job_resumes_from_its_last_checkpoint_and_loses_nothing(
    cluster: TestEnvironment, topics: KeptTopics, run_request: Callable[..., AgentRun]
) -> None:
    """The next JobManager does not know the job. Over both jobs each output is committed once and in order."""
    planned = replace(
        run_request("tests.support.agents.napping:PacedTill", [], within_s=120),
        channel=topics,
        setup=FlinkSetup(job=CHECKPOINTED),
    )
    with ThreadPoolExecutor(1) as pool:
        losing = pool.submit(lose_jobmanager, cluster.cluster(), topics)
        with pytest.raises(HostError) as lost:
            run(planned, cluster)
        job_id = losing.result()
    assert lost.value.problems[0].code == "FA405"
    assert job_id in str(lost.value)
    assert cluster.cluster().jobs() == ()
    before = len(topics.outputs())
    assert 0 < before < KEYS * INPUTS_PER_KEY

    resumed = run(
        replace(planned, savepoint=last_checkpoint(cluster.cluster(), job_id), directory=planned.directory / "resumed"),
        cluster,
    )
    assert (resumed.job_state, resumed.complete) == ("FINISHED", True), resumed.log_tail
    for result in (check_timeline(resumed), check_delivery(EXACTLY_ONCE, 1, resumed)):
        assert result.validity is Validity.VALID, result
    by_key: dict[str, list[dict[str, int]]] = defaultdict(list)
    for output in resumed.outputs:
        by_key[output.key].append(output.value)
    for number in range(KEYS):
        fold = accumulate(range(number, KEYS * INPUTS_PER_KEY, KEYS))
        assert by_key[f"k{number}"] == [{"count": at, "total": total} for at, total in enumerate(fold, 1)]
