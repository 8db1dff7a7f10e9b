"""A TaskManager dies while thousands of inputs go through Kafka; committed records and memory stay exact."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path

import pytest

from flink_testbed.core import clock
from flink_testbed.flink.config import ClusterConfig
from flink_testbed.kafka.service import KafkaService
from flink_testbed.kafka.topic_names import topic_name
from pytest_flink_agents.checks.delivery import EXACTLY_ONCE, check_delivery
from pytest_flink_agents.checks.finding import CheckResult, Validity
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.run.channel import TopicChannel
from tests.integration.jobs.test_recovery import OPTIONS
from tests.support.own_cluster import own_cluster
from tests.support.runs import AgentRun, agent_topics, run

pytestmark = pytest.mark.slow

KEYS, INPUTS = 100, 10_000
# A machine that does much else at the same time takes many times what a quiet one does.
PATIENCE_S = 300
# In mid-stream: far enough from both ends.
KILLED_AFTER = range(INPUTS // 5, INPUTS * 4 // 5)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "round_number" in metafunc.fixturenames:
        metafunc.parametrize("round_number", range(metafunc.config.getoption("--soak")))


@pytest.fixture(scope="module")
def own_environment(
    session_environment: TestEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestEnvironment]:
    directory = tmp_path_factory.mktemp("recovery") / "cluster"
    with own_cluster(session_environment, directory, ClusterConfig(slots=2, flink_options=OPTIONS)) as own:
        yield own


@pytest.fixture
def kafka_run(session_environment: TestEnvironment, run_request, kafka_service: KafkaService):
    """Make a run whose inputs and outputs go through Kafka."""

    def make(agent: str, inputs: list[tuple[object, object]], **fields: object) -> tuple[AgentRun, TopicChannel]:
        request = run_request(agent, inputs, within_s=PATIENCE_S, parallelism=2)
        channel = agent_topics(request.inputs, kafka_service, session_environment, "recovery")
        return dataclasses.replace(request, channel=channel, **fields), channel

    return make


def run_and_kill(
    request: AgentRun,
    session_environment: TestEnvironment,
    kafka: KafkaService,
    topic: str,
    killed_after: range = KILLED_AFTER,
) -> Evidence:
    """Run, and replace a TaskManager after that many outputs are committed."""

    cluster = session_environment.cluster()
    processes = cluster.processes
    assert processes is not None

    def kill() -> int:
        def committed() -> tuple[int | None, str]:
            count = sum(kafka.end_offsets(topic).values()) if topic in kafka.topics() else 0
            return (count if count >= killed_after.start else None), f"{count} committed"

        count = clock.wait_until(committed, what="outputs in mid-stream", timeout_s=PATIENCE_S, interval_s=0.2)
        processes.kill_taskmanager()
        processes.add_taskmanager()
        return count

    with ThreadPoolExecutor(1) as pool:
        killing = pool.submit(kill)
        evidence = run(request, session_environment)
        assert killing.result() in killed_after, "killed in mid-stream"
    assert evidence.checkpoints is not None
    assert (evidence.checkpoints.restored, evidence.restarts) == (1, 1), "the fault was felt"
    assert (evidence.job_state, evidence.complete) == ("FINISHED", True), evidence.log_tail
    return evidence


def test_committed_outputs_are_complete_once_and_in_order_and_memory_is_the_fold(
    round_number: int,
    kafka_run,
    own_environment: TestEnvironment,
    kafka_service: KafkaService,
) -> None:
    """Checkpoints every second, asynchronous actions in flight, queued inputs."""
    inputs = [(f"k{number % KEYS}", number) for number in range(INPUTS)]
    request, transport = kafka_run("tests.support.agents.napping:PacedTill", inputs)
    evidence = run_and_kill(request, own_environment, kafka_service, transport.outputs_topic)
    assert check_delivery(EXACTLY_ONCE, 1, evidence) == CheckResult("delivery", Validity.VALID)
    by_key: dict[str, list[dict[str, int]]] = defaultdict(list)
    for output in evidence.outputs:
        by_key[output.key].append(output.value)
    for number in range(KEYS):
        fold = accumulate(range(number, INPUTS, KEYS))
        assert by_key[f"k{number}"] == [{"count": at, "total": total} for at, total in enumerate(fold, 1)]


def test_with_an_action_state_store_completed_actions_do_not_run_again(
    kafka_run, own_environment: TestEnvironment, kafka_service: KafkaService, tmp_path: Path
) -> None:
    """Each charge is in the ledger; only those in progress when the TaskManager died may be there twice."""
    # Some hundreds wait between source and agents, where a checkpoint's barrier waits behind them: so there are more.
    inputs = [(f"k{number % 20}", number) for number in range(1_000)]
    ledger = tmp_path / "ledger"
    store = {
        "actionStateStoreBackend": "kafka",
        "kafkaBootstrapServers": kafka_service.job_bootstrap,
        "kafkaActionStateTopic": topic_name(kafka_service.run_id, "charges"),
        "kafkaActionStateTopicNumPartitions": 2,
        "test.ledger": str(ledger),
    }
    request, transport = kafka_run("tests.support.agents.charging:Charging", inputs, config=store)
    evidence = run_and_kill(request, own_environment, kafka_service, transport.outputs_topic, range(30, 950))
    assert check_delivery(EXACTLY_ONCE, 1, evidence) == CheckResult("delivery", Validity.VALID)
    made = Counter(ledger.read_text().splitlines())
    assert set(made) == {f"{key} {value} {which}" for key, value in inputs for which in ("first", "second")}
    again = [charge for charge, times in made.items() if times > 1]
    # One charge a subtask is made at a time, and is on record when it was made; the next may have begun.
    assert len(again) <= request.parallelism, again
