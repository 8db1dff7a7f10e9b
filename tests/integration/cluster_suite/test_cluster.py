"""The handle on a cluster. Unchanged on every tier: --flink-tier=embedded, container or remote."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from flink_testbed.core.problem import HostError, WaitTimeoutError
from flink_testbed.flink.cluster import FlinkCluster
from pytest_flink_agents.vocabulary import Tier
from tests.support.runs import run

pytestmark = pytest.mark.slow


def test_it_is_the_flink_that_was_asked_for(flink_cluster: FlinkCluster, flink_version: str) -> None:
    """REST, the handle and the option agree on the version, and there are slots."""
    overview = flink_cluster.rest.overview()
    assert overview["flink-version"] == flink_cluster.flink_version == flink_version
    assert overview["slots-total"] > 0


def test_jobs_are_listed_and_ours_are_told_apart(flink_cluster: FlinkCluster, start_job) -> None:
    """A job that carries our run's id is ours, another is not; both are listed as running."""
    ours, other = start_job(flink_cluster), start_job(flink_cluster, own=False)
    states = {job.id: job.state for job in flink_cluster.jobs()}
    assert states[ours] == states[other] == "RUNNING"
    assert (flink_cluster.is_own(ours), flink_cluster.is_own(other)) == (True, False)


def test_a_cancelled_job_is_gone_when_the_call_returns(flink_cluster: FlinkCluster, start_job) -> None:
    """cancel() returns when Flink itself says CANCELED."""
    job_id = start_job(flink_cluster)
    flink_cluster.cancel(job_id)
    assert flink_cluster.rest.job_state(job_id) == "CANCELED"


def test_a_job_goes_on_from_its_savepoint(flink_cluster: FlinkCluster, start_job) -> None:
    """Stopped with a savepoint, and started from it: Flink says which one it has restored."""
    job_id = start_job(flink_cluster)
    place = flink_cluster.savepoint(job_id, stop=True)
    assert flink_cluster.wait_for_job(job_id, timeout_s=60) == "FINISHED"
    again = start_job(flink_cluster, execution_state__recovery_path=place)

    def restored() -> tuple[str | None, str]:
        latest = flink_cluster.rest.call("GET", f"/jobs/{again}/checkpoints")["latest"]["restored"]
        return (str(latest["external_path"]) if latest else None), str(latest)

    assert flink_cluster.wait(restored, what="a restore", timeout_s=60).rstrip("/") == place.rstrip("/")


def test_a_savepoint_leaves_a_running_job_running(flink_cluster: FlinkCluster, start_job) -> None:
    """Without stop the job goes on, and the place is one of the cluster's own directory."""
    job_id = start_job(flink_cluster)
    assert "savepoint-" in flink_cluster.savepoint(job_id)
    assert flink_cluster.rest.job_state(job_id) == "RUNNING"


def test_a_savepoint_of_no_job_is_flinks_refusal(flink_cluster: FlinkCluster) -> None:
    """The error carries Flink's status and words."""
    with pytest.raises(HostError) as caught:
        flink_cluster.savepoint("0" * 32)
    assert caught.value.problems[0].code == "FA405"
    assert "404" in caught.value.problems[0].seen


def test_metrics_are_told_by_vertex(flink_cluster: FlinkCluster, start_job) -> None:
    """The source's records are counted, under the name that Flink gives the vertex."""
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


def test_an_agents_metrics_are_scraped(flink_cluster: FlinkCluster, run_request, workplace, session_tier: Tier) -> None:
    """Each process has its Prometheus reporter; a TaskManager's shows the agent's own counter beside Flink's metrics."""

    processes = flink_cluster.processes
    if processes is None:
        assert session_tier is Tier.REMOTE
        pytest.skip("not applicable: the reporters of somebody else's cluster are somebody else's")
    assert sorted(processes.prometheus) == ["jobmanager", *processes.taskmanagers]
    request = run_request("tests.support.agents.napping:MeteredAgent", [("k", 0.1), ("k", 6)])

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
        running = pool.submit(run, request, workplace, session_tier)
        line = flink_cluster.wait(counted, what="two naps", timeout_s=120)
        assert running.result().job_state == "FINISHED"
    assert {'operator_name="action_execute_operator"', 'action="count"'} <= set(line.partition("{")[2].split(","))


def test_thread_dumps_of_all_processes(flink_cluster: FlinkCluster) -> None:
    """The JobManager's and every TaskManager's, each with its Pekko threads."""
    dumps = flink_cluster.thread_dump()
    assert len(dumps) == 1 + flink_cluster.rest.overview()["taskmanagers"]
    assert all("pekko" in text for text in dumps.values())


def test_a_wait_past_its_deadline_says_what_it_last_saw(flink_cluster: FlinkCluster, start_job) -> None:
    """What was waited for and where, the state seen last, and the ends of the logs where they are in reach."""
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


def test_a_job_that_ends_otherwise_ends_the_wait(flink_cluster: FlinkCluster, start_job) -> None:
    """Waiting for FINISHED, a cancelled job is told at once, not at the deadline."""
    job_id = start_job(flink_cluster)
    flink_cluster.cancel(job_id)
    with pytest.raises(HostError) as caught:
        flink_cluster.wait_for_job(job_id, "FINISHED", timeout_s=600)
    assert (caught.value.problems[0].code, caught.value.problems[0].seen) == ("FA441", "CANCELED")


def python_driver(workplace) -> Path:
    """PyFlink's own jar, whose driver runs a Python program."""
    jar: Path = next((workplace.environment.flink_home / "opt").glob("flink-python-*.jar"))
    return jar


def submit_program(flink_cluster: FlinkCluster, jar: Path, name: str) -> str:
    """Run the program beside this file by PyFlink's driver; returns the job's id."""
    arguments = ["-py", str(Path(__file__).with_name(name))]
    return flink_cluster.submit(
        jar, main="org.apache.flink.client.python.PythonDriver", arguments=arguments, timeout_s=120
    )


def test_a_program_of_a_jar_is_submitted(flink_cluster: FlinkCluster, workplace) -> None:
    """PyFlink's driver from its own jar: uploaded, run with arguments, ours, and taken off the cluster again."""
    jar = python_driver(workplace)
    job_id = submit_program(flink_cluster, jar, "one_row.py")
    assert flink_cluster.wait_for_job(job_id, timeout_s=60) == "FINISHED"
    assert flink_cluster.is_own(job_id)
    assert not [stored for stored in flink_cluster.rest.call("GET", "/jars")["files"] if stored["name"] == jar.name]


def test_a_program_that_fails_says_why(flink_cluster: FlinkCluster, workplace) -> None:
    """Flink's refusal, and below it what the program itself has written; the cluster's error lines are known."""
    with pytest.raises(HostError) as caught:
        submit_program(flink_cluster, python_driver(workplace), "no_row.py")
    (problem,) = caught.value.problems
    assert (problem.code, "\\n" in problem.detail) == ("FA405", False)
    assert "LookupError: no row today" in problem.detail


@pytest.mark.parametrize("mode", ["thread", "process"])
def test_an_agent_runs(flink_cluster: FlinkCluster, run_request, workplace, session_tier: Tier, mode: str) -> None:
    """The whole way of a scenario, in both of PyFlink's modes: an agent's job, its outputs in order per key, its events."""

    inputs = [(f"k{number % 3}", {"item": "i", "amount": number}) for number in range(30)]
    request = run_request("scenarios.agents.till:TillAgent", inputs, flink_config={"python.execution-mode": mode})
    evidence = run(request, workplace, session_tier)
    assert (evidence.tier, evidence.job_state, len(evidence.outputs)) == (session_tier, "FINISHED", 30), (
        evidence.log_tail
    )
    for key in ("k0", "k1", "k2"):
        assert [output.value["purchases"] for output in evidence.outputs if output.key == key] == list(range(1, 11))
    assert len(evidence.events) == 90
