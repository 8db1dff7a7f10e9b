"""The handle on a cluster, on each tier: --flink-tier=embedded, container or remote."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, WaitTimeoutError
from flink_testbed.flink.cluster import FlinkCluster
from pytest_flink_agents.provision.flink_setup import FlinkSetup
from pytest_flink_agents.run.watch.jobs import JobWatch
from pytest_flink_agents.vocabulary import Tier
from tests.support.runs import run

pytestmark = pytest.mark.slow


def test_the_cluster_runs_the_selected_flink_version(flink_cluster: FlinkCluster, flink_version: str) -> None:
    overview = flink_cluster.rest.overview()
    assert overview["flink-version"] == flink_cluster.flink_version == flink_version
    assert overview["slots-total"] > 0


def test_jobs_of_the_session_are_distinguished_from_others(flink_cluster: FlinkCluster, start_job) -> None:
    ours, other = start_job(flink_cluster), start_job(flink_cluster, own=False)
    states = {job.id: job.state for job in flink_cluster.jobs()}
    assert states[ours] == states[other] == "RUNNING"
    assert (flink_cluster.is_own(ours), flink_cluster.is_own(other)) == (True, False)


def test_cancel_returns_after_the_job_is_canceled_and_flink_dates_its_end(
    flink_cluster: FlinkCluster, start_job
) -> None:
    job_id = start_job(flink_cluster)
    began_s = clock.now_s()
    flink_cluster.cancel(job_id)
    assert flink_cluster.rest.job_state(job_id) == "CANCELED"
    watch = JobWatch(flink_cluster, job_id)
    assert (watch.ended_by(began_s), watch.ended_by(clock.now_s() + 30)) == (False, True)


def test_a_job_resumes_from_its_savepoint(flink_cluster: FlinkCluster, start_job) -> None:
    job_id = start_job(flink_cluster)
    place = flink_cluster.savepoint(job_id, stop=True)
    assert flink_cluster.wait_for_job(job_id, timeout_s=60) == "FINISHED"
    again = start_job(flink_cluster, execution_state__recovery_path=place)

    def restored() -> tuple[str | None, str]:
        latest = flink_cluster.rest.call("GET", f"/jobs/{again}/checkpoints")["latest"]["restored"]
        return (str(latest["external_path"]) if latest else None), str(latest)

    assert flink_cluster.wait(restored, what="a restore", timeout_s=60).rstrip("/") == place.rstrip("/")


def test_a_savepoint_without_stop_leaves_the_job_running(flink_cluster: FlinkCluster, start_job) -> None:
    job_id = start_job(flink_cluster)
    assert "savepoint-" in flink_cluster.savepoint(job_id)
    assert flink_cluster.rest.job_state(job_id) == "RUNNING"


def test_a_savepoint_of_an_unknown_job_reports_flinks_error(flink_cluster: FlinkCluster) -> None:
    with pytest.raises(HostError) as caught:
        flink_cluster.savepoint("0" * 32)
    assert caught.value.problems[0].code == "FA405"
    assert "404" in caught.value.problems[0].seen


def test_metrics_are_grouped_by_vertex(flink_cluster: FlinkCluster, start_job) -> None:
    job_id = start_job(flink_cluster)

    def counted() -> tuple[int | None, str]:
        names = flink_cluster.metrics(job_id)
        records = [
            int(value)
            for vertex, metrics in names.items()
            for name, value in metrics.items()
            if vertex.startswith("Source") and name == "0.numRecordsOut"
        ]
        return (max(records) if any(records) else None), str(records)

    assert flink_cluster.wait(counted, what="counted records", timeout_s=60) > 0


def test_an_agents_metrics_are_in_the_prometheus_reporter_of_its_taskmanager(
    flink_cluster: FlinkCluster, run_request, session_environment, session_tier: Tier
) -> None:

    processes = flink_cluster.processes
    if processes is None:
        assert session_tier is Tier.REMOTE
        pytest.skip("not applicable: the reporters of somebody else's cluster are somebody else's")
    assert sorted(processes.prometheus) == ["jobmanager", *processes.taskmanagers]
    request = run_request("tests.support.agents.napping:MeteredAgent", [], within_s=180)
    gate = request.directory / "gate"
    inputs = [{"key": "k", "value": value} for value in (0.1, [6, str(gate)])]
    request = dataclasses.replace(request, inputs=inputs)

    def counted() -> tuple[str | None, str]:
        try:
            texts = {name: requests.get(url, timeout=10).text for name, url in processes.prometheus.items()}
        except requests.ConnectionError as error:
            # Flink's reporter was seen to end a scrape without an answer while a job's metrics come; Prometheus asks again, too.
            return None, str(error)
        assert "flink_jobmanager_Status_JVM_CPU_Load" in texts.pop("jobmanager")
        naps = [line for text in texts.values() for line in text.splitlines() if "_operator_action_naps{" in line]
        return (naps[0] if naps and naps[0].endswith(" 2.0") else None), str(naps)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run, request, session_environment, session_tier)
        try:
            line = flink_cluster.wait(counted, what="two naps", timeout_s=120)
        finally:
            gate.touch()
        assert running.result().job_state == "FINISHED"
    assert {'operator_name="action_execute_operator"', 'action="count"'} <= set(line.partition("{")[2].split(","))


def test_thread_dumps_include_every_process(flink_cluster: FlinkCluster) -> None:
    dumps = flink_cluster.thread_dump()
    assert len(dumps) == 1 + flink_cluster.rest.overview()["taskmanagers"]
    assert all("pekko" in text for text in dumps.values())


def test_a_wait_past_its_deadline_reports_the_last_state_and_the_logs(flink_cluster: FlinkCluster, start_job) -> None:
    job_id = start_job(flink_cluster)
    with pytest.raises(WaitTimeoutError) as caught:
        flink_cluster.wait_for_job(job_id, "FINISHED", timeout_s=0.5)
    problem = caught.value.problems[0]
    assert (job_id in problem.message, flink_cluster.rest_url in problem.message, problem.seen) == (
        True,
        True,
        "RUNNING",
    )
    assert bool(problem.detail) == bool(flink_cluster.logs.texts())


def test_waiting_for_a_state_ends_when_the_job_reaches_another_final_state(
    flink_cluster: FlinkCluster, start_job
) -> None:
    job_id = start_job(flink_cluster)
    flink_cluster.cancel(job_id)
    with pytest.raises(HostError) as caught:
        flink_cluster.wait_for_job(job_id, "FINISHED", timeout_s=600)
    assert (caught.value.problems[0].code, caught.value.problems[0].seen) == ("FA441", "CANCELED")


def python_driver(session_environment) -> Path:
    """Return PyFlink's own jar, whose driver runs a Python program."""
    jar: Path = next((session_environment.environment.flink_home / "opt").glob("flink-python-*.jar"))
    return jar


def submit_program(flink_cluster: FlinkCluster, jar: Path, name: str) -> str:
    """Run a program of this folder with PyFlink's driver; return the job's id."""
    arguments = ["-py", str(Path(__file__).with_name(name))]
    return flink_cluster.submit(
        jar, main="org.apache.flink.client.python.PythonDriver", arguments=arguments, timeout_s=120
    )


def test_a_submitted_jar_is_removed_from_the_cluster_after_its_job(
    flink_cluster: FlinkCluster, session_environment
) -> None:
    """PyFlink's driver is uploaded from its own jar and run with arguments."""
    jar = python_driver(session_environment)
    job_id = submit_program(flink_cluster, jar, "one_row.py")
    assert flink_cluster.wait_for_job(job_id, timeout_s=60) == "FINISHED"
    assert flink_cluster.is_own(job_id)
    assert not [stored for stored in flink_cluster.rest.call("GET", "/jars")["files"] if stored["name"] == jar.name]


def test_a_failing_program_is_reported_with_its_own_error(flink_cluster: FlinkCluster, session_environment) -> None:
    with pytest.raises(HostError) as caught:
        submit_program(flink_cluster, python_driver(session_environment), "no_row.py")
    (problem,) = caught.value.problems
    assert (problem.code, "\\n" in problem.detail) == ("FA405", False)
    assert "LookupError: no row today" in problem.detail


@pytest.mark.parametrize("mode", ["thread", "process"])
def test_an_agent_runs_in_both_python_modes(
    flink_cluster: FlinkCluster, run_request, session_environment, session_tier: Tier, mode: str
) -> None:

    inputs = [(f"k{number % 3}", {"item": "i", "amount": number}) for number in range(30)]
    request = run_request(
        "scenarios.agents.till:TillAgent", inputs, setup=FlinkSetup(job={"python.execution-mode": mode})
    )
    evidence = run(request, session_environment, session_tier)
    assert (evidence.tier, evidence.job_state, len(evidence.outputs)) == (session_tier, "FINISHED", 30), (
        evidence.log_tail
    )
    for key in ("k0", "k1", "k2"):
        assert [output.value["purchases"] for output in evidence.outputs if output.key == key] == list(range(1, 11))
    assert len(evidence.events) == 90
