"""A job that is rescaled again and again keeps no more state than one that is not."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.kafka.service import KafkaService
from pytest_flink_agents.provision.environment import TestEnvironment
from tests.support.endless_job import EndlessJob, endless_jobs

pytestmark = pytest.mark.slow

RESTORES = 20
KEYS = [f"k{number}" for number in range(8)]
EACH = 5


def records_of(kafka: KafkaService, topic: str) -> int:
    """Return the number of records of action states that no tombstone has removed."""
    latest = {record.key: record.value for record in kafka.read(topic, timeout_s=60)}
    return sum(value is not None for value in latest.values())


def test_savepoint_and_action_states_do_not_grow_over_twenty_restores(
    session_environment: TestEnvironment, flink_cluster: FlinkCluster, kafka_service: KafkaService, tmp_path: Path
) -> None:
    """Each key has the same work between two restores, and moves between one subtask and two."""
    topic = f"states-{uuid.uuid4().hex[:8]}"
    store = {
        "actionStateStoreBackend": "kafka",
        "kafkaBootstrapServers": kafka_service.job_bootstrap,
        "kafkaActionStateTopic": topic,
        # Otherwise the records belong to one submission, and the next one would never find them.
        "job-identifier": "rescaled",
    }
    sizes, counts, savepoint = [], [], ""
    with endless_jobs(session_environment) as jobs:
        agent = "tests.support.agents.napping:GatedTill"
        job = EndlessJob(jobs, flink_cluster, tmp_path, agent, "thread", store)
        for number in range(RESTORES + 1):
            amounts = range(number * EACH, (number + 1) * EACH)
            job.put(
                f"inputs-{number:02}",
                [{"key": key, "amount": amount, "gate": None} for amount in amounts for key in KEYS],
            )
            job.start(1 + number % 2, savepoint)
            job.wait_for_outputs((number + 1) * EACH, *KEYS)
            savepoint = job.stop()
            sizes.append(sum(file.stat().st_size for file in Path(savepoint.partition(":")[2]).iterdir()))
            counts.append(records_of(kafka_service, topic))
    totals = {key: [output["total"] for output in job.outputs() if output["key"] == key][-1] for key in KEYS}
    assert totals == dict.fromkeys(KEYS, sum(range((RESTORES + 1) * EACH)))
    # One round's records, of all keys: what was written before is covered by the savepoint, and removed by its owner.
    assert set(counts) == {len(KEYS) * EACH}, counts
    # The list of the files that were read grows by one line a round.
    assert sizes[-1] <= sizes[2] + 200 * RESTORES, sizes
