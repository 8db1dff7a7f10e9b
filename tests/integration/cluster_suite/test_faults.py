"""Faults of a cluster's processes, and recovery from them."""

from __future__ import annotations

import pytest

from flink_testbed.core.problem import HostError
from flink_testbed.flink.cluster import FlinkCluster

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def cluster_may_be_broken(session_tier: str) -> None:
    """Skip on the remote tier, where nothing is killed, paused or added."""
    if session_tier == "remote":
        pytest.skip("not applicable: on the remote tier nothing is killed, paused or added")


QUICK = {"heartbeat.interval": "500ms", "heartbeat.timeout": "5s"}


def wait_for_checkpoint(cluster: FlinkCluster, job_id: str) -> None:
    def one() -> tuple[int | None, str]:
        count = cluster.completed_checkpoints(job_id)
        return (count or None), f"{count} complete"

    cluster.wait(one, what="a checkpoint", timeout_s=60)


def wait_for_restore(cluster: FlinkCluster, job_id: str) -> int:
    def restored() -> tuple[int | None, str]:
        counts = cluster.rest.checkpoint_counts(job_id)
        return (counts["restored"] or None), str(counts)

    return cluster.wait(restored, what="a restore from a checkpoint", timeout_s=120)


def test_a_job_is_restored_after_its_taskmanager_and_then_the_jobmanager_were_killed(
    flink_cluster_factory, start_job
) -> None:
    """State in RocksDB, two TaskManagers with one slot each, another added for the killed one, high availability."""
    cluster = flink_cluster_factory(
        taskmanagers=2, slots=1, state_backend="rocksdb", high_availability=True, flink_options=QUICK
    )
    assert cluster.rest.overview()["taskmanagers"] == 2
    job_id = start_job(cluster, parallelism_default="2")
    wait_for_checkpoint(cluster, job_id)
    killed = cluster.kill_taskmanager()
    added = cluster.processes.add_taskmanager()
    assert killed not in cluster.processes.taskmanagers
    assert added in cluster.processes.taskmanagers
    assert wait_for_restore(cluster, job_id) >= 1
    assert cluster.wait_for_job(job_id, "RUNNING", timeout_s=60)
    cluster.processes.kill_jobmanager()
    cluster.wait_ready(90)
    assert cluster.wait_for_job(job_id, "RUNNING", timeout_s=90)
    # The next JobManager counts its own restores only.
    assert wait_for_restore(cluster, job_id) >= 1
    assert cluster.is_own(job_id)


def test_every_operation_on_a_paused_jobmanager_times_out_and_a_killed_one_loses_its_jobs(
    flink_cluster_factory, start_job, tmp_path
) -> None:
    """Without high availability. No operation waits without a deadline, and after resume the JobManager replies again."""
    cluster = flink_cluster_factory()
    patient_s = cluster.rest._timeout_s
    cluster.processes.pause("jobmanager")
    cluster.rest._timeout_s = 0.5
    jar, job = tmp_path / "job.jar", "0" * 32
    jar.write_bytes(b"no jar")
    for operate in (
        cluster.jobs,
        cluster.thread_dump,
        lambda: cluster.is_own(job),
        lambda: cluster.completed_checkpoints(job),
        lambda: cluster.metrics(job),
        lambda: cluster.cancel(job),
        lambda: cluster.submit(jar, main="x", timeout_s=0.5),
        lambda: cluster.savepoint(job, timeout_s=0.5),
        lambda: cluster.wait_for_job(job, timeout_s=0.5),
        lambda: cluster.wait_ready(0.5),
    ):
        with pytest.raises(HostError) as silent:
            operate()
        problem = silent.value.problems[0]
        assert problem.code in ("FA401", "FA404", "FA406")
        assert (cluster.rest_url in problem.render(), "Timeout" in problem.seen) == (True, True), problem.render()
        assert "--- jobmanager.log" in problem.detail, problem.render()
    with pytest.raises(HostError) as caught:
        cluster.rest.call("GET", "/overview", timeout_s=1)
    cluster.processes.resume("jobmanager")
    assert (caught.value.problems[0].code, "Timeout" in caught.value.problems[0].seen) == ("FA404", True)
    cluster.wait_ready(60)
    with pytest.raises(HostError, match="did you mean jobmanager"):
        cluster.processes.pause("jobmanger")
    cluster.rest._timeout_s = patient_s
    start_job(cluster)
    cluster.processes.kill_jobmanager()
    cluster.wait_ready(90)
    assert cluster.jobs() == ()


def test_savepoints_are_below_a_directory_whose_name_has_a_space(flink_cluster_factory, start_job, tmp_path) -> None:
    place = tmp_path / "kept savepoints, 100 %"
    cluster = flink_cluster_factory(savepoints=place, checkpoints=tmp_path / "kept checkpoints")
    savepoint = cluster.savepoint(start_job(cluster))
    assert [each.name for each in place.glob("savepoint-*")] == [savepoint.rstrip("/").rpartition("/")[2]]
    assert (place / savepoint.rstrip("/").rpartition("/")[2] / "_metadata").is_file()
