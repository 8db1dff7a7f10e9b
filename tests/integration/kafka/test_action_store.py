"""The action state store over a real Kafka broker, alone and under a failing job on a real cluster."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import uuid
from collections import Counter
from pathlib import Path

import pytest

from flink_testbed.kafka.service import KafkaService
from pytest_flink_agents.provision.flink_setup import FlinkSetup
from tests.integration.jobs.test_recovery import CHECKPOINTED
from tests.support.runs import AgentRun, run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
Inputs = list[tuple[object, object]]
RESTARTED = {name: value for name, value in CHECKPOINTED.items() if name.startswith("restart-strategy")}


@pytest.fixture
def charging(run_request, kafka_service: KafkaService, tmp_path: Path):
    """Make a run of the charging agent with a store; its ledger is the file ``ledger``."""

    def make(inputs: Inputs, flink_config: dict[str, str]) -> AgentRun:
        request: AgentRun = run_request("tests.support.agents.charging:Charging", inputs, within_s=300)
        options = {
            "actionStateStoreBackend": "kafka",
            "kafkaBootstrapServers": kafka_service.job_bootstrap,
            "kafkaActionStateTopic": f"charges-{uuid.uuid4().hex[:8]}",
            "kafkaActionStateTopicNumPartitions": 4,
            "test.ledger": str(tmp_path / "ledger"),
        }
        return dataclasses.replace(request, config=options, setup=FlinkSetup(job=flink_config))

    return make


def charges(inputs: Inputs) -> Counter[str]:
    """Return the expected lines of the ledger."""
    return Counter(f"{key} {value} {which}" for key, value in inputs for which in ("first", "second"))


def outputs(inputs: Inputs) -> Counter[tuple[str, str, int]]:
    """Return the expected outputs."""
    count: Counter[object] = Counter()
    expected: Counter[tuple[str, str, int]] = Counter()
    for key, value in inputs:
        count[key] += 1
        expected[str(key), f"{key} {value} second", count[key]] += 1
    return expected


def outputs_of(evidence) -> Counter[tuple[str, str, int]]:
    assert (evidence.job_state, evidence.complete) == ("FINISHED", True), evidence.log_tail
    return Counter((str(output.key), *output.value) for output in evidence.outputs)


def test_the_store_satisfies_its_contract_on_a_real_broker(kafka_service: KafkaService) -> None:
    """Topic, records, tombstones, markers, rebuilds, and a local job whose process is killed repeatedly."""
    subprocess.run(
        [sys.executable, ROOT / "tests/run_in_job_environment.py", "tests/runtime/against_kafka.py", "-q"],
        cwd=ROOT,
        env={**os.environ, "BROKER_UNDER_TEST": kafka_service.bootstrap},
        timeout=600,
        check=True,
    )


def test_no_action_is_repeated_after_a_failure_before_the_first_checkpoint(
    charging, session_environment, flink_cluster, tmp_path
) -> None:
    """The source restarts without state; the store has every call, including that of the failed action."""
    inputs: Inputs = [(key, value) for value in (1, 2, "fail", 3) for key in ("user_1", 1, "1")]
    evidence = run(charging(inputs, RESTARTED), session_environment)
    assert outputs_of(evidence) == outputs(inputs)
    assert (tmp_path / "failed").exists(), "the failure was felt"
    assert Counter((tmp_path / "ledger").read_text().splitlines()) == charges(inputs)
