"""The jobs of the cluster suite, the same on every kind of cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.job_owner import owner_options
from flink_testbed.responder import Responder

CHECKPOINTED = {
    "execution.checkpointing.interval": "300ms",
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": "20",
    "restart-strategy.fixed-delay.delay": "100ms",
}
StartJob = Callable[..., str]


@pytest.fixture(scope="session")
def table_jobs(session_environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Responder]:
    """The process that submits jobs."""
    jobs = session_environment.client_process([str(Path(__file__).with_name("table_jobs.py"))], name="table jobs")
    jobs.wait_ready(90)
    yield jobs
    jobs.kill()


@pytest.fixture
def start_job(table_jobs: Responder, flink_cluster: FlinkCluster) -> Iterator[StartJob]:
    """Start an endless counting job; on the session's cluster it is cancelled at the end of the test.

    ``own=False`` starts it without the session's owner.
    """
    started: list[str] = []

    def start(cluster: FlinkCluster, *, own: bool = True, **options: str) -> str:
        owner = owner_options(cluster.run_id) if own else {}
        given = {name.replace("__", "-").replace("_", "."): value for name, value in options.items()}
        answer = table_jobs.request(
            "submit",
            timeout_s=60,
            rest_url=cluster.rest_url,
            options={**CHECKPOINTED, **owner, **cluster.client_options, **given},
        )
        job_id = str(answer["job_id"])
        if cluster is flink_cluster:
            started.append(job_id)
        cluster.wait_for_job(job_id, "RUNNING", timeout_s=60)
        # Cancelled any sooner, the job is gone before its TaskManager has registered for it, which Flink logs as an error.
        cluster.wait_for_tasks(job_id, timeout_s=60)
        return job_id

    yield start
    for job in flink_cluster.jobs():
        if job.id in started and not job.ended:
            flink_cluster.rest.cancel(job.id)
            flink_cluster.wait_for_job(job.id, timeout_s=60)
