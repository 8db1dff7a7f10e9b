"""Programs for upstream's Flink environment, run by ``flink run`` on the bundled engine."""

from __future__ import annotations

import dataclasses
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.options import EXECUTION_MODE
from flink_testbed.kafka.record import KafkaRecord
from flink_testbed.kafka.service import KafkaService
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.provision.flink_setup import FlinkSetup, flink_setup
from pytest_flink_agents.run.subject import AllowedNetwork
from pytest_flink_agents.scenario.configuration.content import read_configuration
from pytest_flink_agents.vocabulary import Tier
from tests.support.runs import AgentRun, JobRun, job_files, run

pytestmark = pytest.mark.slow

JOBS = Path(__file__).parents[3] / "tests" / "support" / "jobs"
# What PyFlink says of a record without a time stamp.
NO_STAMP_MS = -(2**63)
PURCHASES = [("ada", 3), ("bob", 2), ("ada", 4), ("cy", 1), ("ada", 5)]


def job_request(folder: Path, file: Path, *args: str, **fields: Any) -> JobRun:
    """Return a run of a program whose first arguments are the inputs' file and the outputs' directory."""
    inputs = [{"key": key, "value": {"amount": amount}} for key, amount in PURCHASES]
    given = (str(job_files(folder).values["input.path"]), str(job_files(folder).values["output.path"]), *args)
    return JobRun(file, given, "", fields.pop("environment", {}), inputs, 120, folder, **fields)


def by_key(evidence: Evidence) -> dict[Any, list[Any]]:
    assert evidence.job_state == "FINISHED", evidence.failure
    found = defaultdict(list)
    for output in evidence.outputs:
        found[output.key].append(output.value)
    return dict(found)


def test_the_outputs_of_one_agent_are_the_inputs_of_the_next(
    session_environment: TestEnvironment, tmp_path: Path
) -> None:
    """Each agent has its own memory, and each key keeps its order.

    Each has an operator uid that is made of its name alone, so that a savepoint of the job maps.
    """
    uids = tmp_path / "uids.json"
    request = job_request(tmp_path / "run", JOBS / "chained.py", str(uids), parallelism=2)
    request = dataclasses.replace(request, network=AllowedNetwork("chained"))
    evidence = run(request, session_environment)
    outputs = by_key(evidence)
    # The program and two subtasks of each agent.
    assert evidence.blocked == ()
    assert len(list((request.directory / "events").glob("network-*.jsonl"))) == 5
    assert json.loads(uids.read_text()) == ["agent-Booking", "agent-Praise"]
    assert [(value["total"], value["elsewhere"], value["praised"]) for value in outputs["ada"]] == [
        (3, 6, 1),
        (7, 8, 2),
        (12, 10, 3),
    ]
    assert [value["total"] for value in outputs["bob"] + outputs["cy"]] == [2, 1]


def test_rows_keep_the_types_that_the_job_declares(session_environment: TestEnvironment, tmp_path: Path) -> None:
    outputs = by_key(run(job_request(tmp_path, JOBS / "tables.py"), session_environment))
    assert outputs == {"ada": [{"total": 6}, {"total": 8}, {"total": 10}], "bob": [{"total": 4}], "cy": [{"total": 2}]}


def test_options_of_the_program_override_the_teams_file_and_the_default(
    session_environment: TestEnvironment, tmp_path: Path, flink_cluster: FlinkCluster
) -> None:
    """The file of a TaskManager has no effect; the job has the options of Flink of the team's file."""
    file = tmp_path / "config.yaml"
    file.write_text(
        "agent: {retry-wait-interval: 7, num-async-threads: 2}\n"
        "execution.checkpointing.interval: 333s\npython.execution-mode: thread\n"
        "pipeline.global-job-parameters: {site: 'http://shop.example:80', tags: \"a,b, it's\"}\n"
    )
    team = read_configuration(file, "config.yaml").content
    setup = flink_setup(team, {}, session_environment.settings, tier=Tier.EMBEDDED)
    request = job_request(tmp_path / "run", JOBS / "settings.py", setup=setup)
    on_the_cluster = flink_cluster.directory / "conf" / "config.yaml"
    before = on_the_cluster.read_text()
    on_the_cluster.write_text(before + "agent: {max-retries: 9, retry-wait-interval: 9, num-async-threads: 9}\n")
    try:
        evidence = run(request, session_environment)
    finally:
        on_the_cluster.write_text(before)
    assert by_key(evidence) == {None: [{"max-retries": 3, "retry-wait-interval": 7, "num-async-threads": 4}]}
    parameters = flink_cluster.rest.call("GET", f"/jobs/{evidence.job_id}/config")["execution-config"]["user-config"]
    marked = {"flink-agents-test-run": flink_cluster.run_id}
    assert parameters == {"site": "http://shop.example:80", "tags": "a,b, it's", **marked}
    checkpoints = flink_cluster.rest.call("GET", f"/jobs/{evidence.job_id}/checkpoints/config")
    assert checkpoints["interval"] == 333_000
    assert evidence.flink_config["execution.checkpointing.interval"]["source"] == "config.yaml:2"
    assert evidence.flink_config["heartbeat.timeout"]["value"] == "20s"
    assert evidence.config["retry-wait-interval"]["source"] == "config.yaml:1"
    # It may hold secrets.
    assert not (request.directory / "client" / "config.yaml").exists()


def test_outputs_have_the_time_stamps_of_their_inputs(session_environment: TestEnvironment, tmp_path: Path) -> None:
    """An output that had to wait has it only after the end of the input.

    Before that end it has none: a known difference to upstream (docs/flink.md).
    """
    evidence = run(job_request(tmp_path, JOBS / "times.py"), session_environment)
    assert evidence.job_state == "FINISHED", evidence.failure
    stamps = defaultdict(list)
    for output in evidence.outputs:
        stamps[output.key].append(output.value)
    at_once, waited = sorted(stamps["at once"]), sorted(stamps["waited"])
    assert at_once == [[second * 1000, second * 1000, False] for second in range(1, 6)]
    assert len(waited) == 5
    assert all(stamp in (at, NO_STAMP_MS) for at, stamp, _ in waited), waited


@pytest.mark.parametrize("mode", ["thread", "process"])
def test_awaited_outputs_reach_a_topic_with_a_valid_time_stamp(
    session_environment: TestEnvironment, kafka_service: KafkaService, kafka_topic: str, tmp_path: Path, mode: str
) -> None:
    """After the end of the input a record has its input's time, or the current time if that has none.

    A broker refuses the maximum time stamp, and the job would restart endlessly.
    """
    without_times = f"{kafka_topic}-without-times"
    kafka_service.create_topic(without_times)
    try:
        args = (kafka_service.job_bootstrap, kafka_topic, without_times, str(session_environment.connector), mode)
        before_ms = time.time() * 1000
        evidence = run(JobRun(JOBS / "stamped_topic.py", args, "", {}, [], 90, tmp_path), session_environment)
        assert evidence.job_state == "FINISHED", (evidence.failure, evidence.log_tail)
        require_valid_stamps(kafka_service.read_committed(kafka_topic), before_ms, stamped=True)
        require_valid_stamps(kafka_service.read_committed(without_times), before_ms, stamped=False)
    finally:
        kafka_service.delete_topic(without_times)


def require_valid_stamps(records: list[KafkaRecord], before_ms: float, *, stamped: bool) -> None:
    amounts = {json.loads(record.value or b"")["elsewhere"] // 2: record.timestamp_ms or 0 for record in records}
    assert sorted(amounts) == list(range(1, 10))
    in_their_time = {amount for amount, at_ms in amounts.items() if at_ms == amount * 1000}
    # Before the input had ended, which depends on how busy the machine is: by the producer, or as the customer's next purchase.
    for amount in amounts.keys() - in_their_time:
        later = {other * 1000 for other in range(amount + 3, 10, 3)} if stamped else set()
        at_ms = amounts[amount]
        assert at_ms in later or before_ms - 1000 < at_ms < time.time() * 1000 + 1000, amounts
    assert bool(in_their_time) == stamped


@pytest.mark.parametrize("mode", ["thread", "process"])
def test_a_job_starts_without_pandas_and_in_thread_mode_without_beam_which_an_agent_can_import(
    mode: str, session_environment: TestEnvironment, tmp_path: Path
) -> None:
    agent = {"agent": "tests.support.agents.importing:ImportingAgent"}
    # An import of Beam finds pandas: it comes second.
    modules = ["pandas", "apache_beam"]
    inputs = [{"key": "a", "value": name} for name in modules]
    setup = FlinkSetup(job={EXECUTION_MODE: mode})
    evidence = run(AgentRun("importing", agent, {}, inputs, 60, tmp_path, setup=setup), session_environment)
    answers = by_key(evidence)["a"]
    assert [(answer["compiled"], answer["module"]) for answer in answers] == [(mode == "process", at) for at in modules]
    # In thread mode earlier jobs of the cluster may have imported them.
    if mode == "process":
        assert [answer["imported"] for answer in answers] == [False, True]
