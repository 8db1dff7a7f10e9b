"""Each mistake in a job on Flink is one clear error: the cause in the job's own words."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from flink_testbed.flink.cluster import FlinkCluster
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.provision.flink_setup import FlinkSetup
from pytest_flink_agents.run.subject import AgentRefusedError
from tests.integration.jobs.test_flink_environment import job_request
from tests.support.runs import run

pytestmark = pytest.mark.slow

TABLES = """
from pyflink.table import EnvironmentSettings, TableEnvironment
tables = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
tables.execute_sql("create table source (x int) with ({source})")
tables.execute_sql("create table sink (x int) with ('connector' = 'blackhole')")
tables.execute_sql("insert into sink select x from source")
"""
BATCH = """
from pyflink.datastream import RuntimeExecutionMode, StreamExecutionEnvironment
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from tests.support.jobs.purchases import Booking
env = StreamExecutionEnvironment.get_execution_environment()
env.set_runtime_mode(RuntimeExecutionMode.BATCH)
agents = AgentsExecutionEnvironment.get_execution_environment(env)
agents.from_datastream(env.from_collection([1]), lambda value: value).apply(Booking()).to_datastream()
agents.execute()
"""
BESIDE = """
import beside_it
from pyflink.datastream import StreamExecutionEnvironment
env = StreamExecutionEnvironment.get_execution_environment()
env.from_collection([1]).map(beside_it.same).print()
env.execute()
"""


def run_program(text: str, session_environment: TestEnvironment, folder: Path, within_s: float = 60) -> Evidence:
    program = folder / "program.py"
    program.write_text(text)
    request = dataclasses.replace(job_request(folder / "run", program), within_s=within_s)
    return run(request, session_environment)


def test_a_missing_connector_is_named_with_the_place_for_its_jar(
    session_environment: TestEnvironment, tmp_path: Path
) -> None:
    failure = run_program(TABLES.format(source="'connector' = 'kafka'"), session_environment, tmp_path).failure
    assert failure is not None
    assert failure.message.startswith("Flink has no connector or format 'kafka' on its class path")
    assert "Could not find any factory for identifier 'kafka'" in failure.traceback
    assert 'program.py", line 6' in failure.traceback


def test_a_module_that_only_the_client_finds_is_named_with_the_option_that_ships_it(
    session_environment: TestEnvironment, tmp_path: Path
) -> None:
    (tmp_path / "beside_it.py").write_text("def same(value):\n    return value\n")
    evidence = run_program(BESIDE, session_environment, tmp_path)
    assert evidence.job_state == "FAILED"
    assert evidence.failure is not None
    assert evidence.failure.message.startswith("the TaskManagers' Python has no module 'beside_it'")
    assert "ModuleNotFoundError" in evidence.failure.traceback


def test_an_endless_program_is_cancelled_at_its_deadline(
    session_environment: TestEnvironment, tmp_path: Path, flink_cluster: FlinkCluster
) -> None:
    source = "'connector' = 'datagen', 'rows-per-second' = '1'"
    evidence = run_program(TABLES.format(source=source), session_environment, tmp_path, within_s=1)
    assert (evidence.complete, evidence.timed_out_after_s) == (False, 1)
    assert flink_cluster.rest.job_state(evidence.job_id) == "CANCELED"


def test_batch_mode_is_refused_in_a_program(session_environment: TestEnvironment, tmp_path: Path) -> None:
    """Upstream would drop records, and the job would still succeed."""
    evidence = run_program(BATCH, session_environment, tmp_path)
    assert evidence.job_id == ""
    assert evidence.failure is not None
    assert "agents cannot run in BATCH mode" in evidence.failure.message
    assert "RuntimeExecutionMode.STREAMING" in evidence.failure.message


@pytest.mark.parametrize("mode", ["BATCH", "automatic"])
def test_batch_mode_is_refused_in_a_scenario(session_environment: TestEnvironment, run_request, mode: str) -> None:
    """AUTOMATIC becomes BATCH for bounded inputs."""
    request = run_request(
        "scenarios.agents.till:TillAgent", [("k", 1)], setup=FlinkSetup(job={"execution.runtime-mode": mode})
    )
    with pytest.raises(AgentRefusedError, match=f"agents cannot run in {mode.upper()} mode"):
        run(request, session_environment)


def test_an_output_that_is_not_json_names_action_key_and_input(
    session_environment: TestEnvironment, run_request
) -> None:
    failure = run(run_request("tests.support.agents.napping:LockAgent", [("k", 1)]), session_environment).failure
    assert failure is not None
    assert (failure.action, failure.key, failure.input) == ("lock", "k", 1)
    assert "lock" in failure.message
    assert "napping.py" in failure.traceback


def test_a_missing_savepoint_is_refused_with_flinks_reason(
    session_environment: TestEnvironment, run_request, tmp_path: Path
) -> None:
    """The job does not silently start without state."""
    place = tmp_path / "savepoint-of-nobody"
    with pytest.raises(AgentRefusedError) as caught:
        run(run_request("scenarios.agents.till:TillAgent", [], savepoint=str(place)), session_environment)
    assert caught.value.problem.message == "Flink rejected the job"
    assert str(place) in caught.value.problem.seen


def test_a_job_without_inputs_is_finished_and_complete(session_environment: TestEnvironment, run_request) -> None:
    evidence = run(run_request("scenarios.agents.till:TillAgent", []), session_environment)
    assert (evidence.job_state, evidence.complete, evidence.outputs, evidence.failure) == ("FINISHED", True, (), None)


def test_a_failing_job_does_not_affect_another_on_the_same_taskmanager(
    session_environment: TestEnvironment, run_request, flink_cluster
) -> None:
    """Both run in one Python interpreter."""
    submitter = session_environment.submitter()
    jobs = {}
    gate = run_request("", []).directory / "gate"
    waiting: list[tuple[object, object]] = [("k", {"key": "k", "amount": 1, "gate": str(gate)})]
    for agent, inputs in (("GatedTill", waiting), ("LockAgent", [("k", 1)])):
        request = run_request(f"tests.support.agents.napping:{agent}", inputs)
        lines = [{"input": number, "key": key, "value": value} for number, (key, value) in enumerate(inputs)]
        source = request.directory / "inputs.jsonl"
        source.write_text("".join(f"{line}\n" for line in map(json.dumps, lines)))
        answer = submitter.request(
            "submit",
            timeout_s=90,
            name=agent,
            rest_url=flink_cluster.rest_url,
            agent_spec=request.agent_spec,
            config={},
            source_and_sink={"files": {"inputs": str(source), "outputs": str(request.directory / "outputs")}},
            parallelism=1,
            upstream_jars=[],
        )
        jobs[agent] = (answer["job_id"], request.directory / "outputs")
    waiting_job, outputs = jobs["GatedTill"]
    assert flink_cluster.wait_for_job(jobs["LockAgent"][0], timeout_s=60) == "FAILED"
    assert flink_cluster.rest.job_state(waiting_job) == "RUNNING"
    gate.touch()
    assert flink_cluster.wait_for_job(waiting_job, timeout_s=60) == "FINISHED"
    lines = [json.loads(line) for path in outputs.glob("part-*") for line in path.read_text().splitlines()]
    assert [line["value"] for line in lines] == [{"key": "k", "count": 1, "total": 1}]


def test_a_jar_for_another_flink_version_names_the_missing_class(
    session_environment: TestEnvironment, tmp_path: Path
) -> None:
    javac = shutil.which("javac")
    if javac is None:
        pytest.skip("not run: there is no Java compiler here to build the job with")
    package = tmp_path / "src" / "org" / "apache" / "flink" / "api"
    package.mkdir(parents=True)
    (package / "OfAnotherLine.java").write_text(
        "package org.apache.flink.api; public class OfAnotherLine { public static void call() {} }"
    )
    job = tmp_path / "src" / "OldJob.java"
    job.write_text(
        "public class OldJob { public static void main(String[] a) { org.apache.flink.api.OfAnotherLine.call(); } }"
    )
    compiled = tmp_path / "classes"
    command = [javac, "--release", "11", "-d", str(compiled), str(job), str(package / "OfAnotherLine.java")]
    subprocess.run(command, check=True, timeout=120)
    jar = tmp_path / "old.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        archive.write(compiled / "OldJob.class", "OldJob.class")
    request = dataclasses.replace(job_request(tmp_path / "run", jar), main_class="OldJob")
    failure = run(request, session_environment).failure
    assert failure is not None
    assert "built for another Flink line: this one has no org.apache.flink.api.OfAnotherLine" in failure.message
    assert "ClassNotFoundException" in failure.traceback
