"""A Kafka broker in a container, used by this machine and by jobs in containers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from flink_testbed.containers.engine import ContainerEngine, connect
from flink_testbed.containers.owned import OwnedContainers
from flink_testbed.containers.spec import ContainerSpec
from flink_testbed.core.problem import HostError
from flink_testbed.kafka.container import ContainerKafka
from flink_testbed.kafka.record import KafkaRecord
from flink_testbed.kafka.service import KafkaService
from flink_testbed.ownership.container_owner import this_owner
from pytest_flink_agents.current import session_of
from pytest_flink_agents.run.conversation import Turn
from pytest_flink_agents.scenario.matching.matchers import compile_matcher
from pytest_flink_agents.vocabulary import Tier
from tests.support.runs import run, through_topics

pytestmark = pytest.mark.slow


@pytest.fixture
def broker(kafka_service: KafkaService) -> ContainerKafka:
    """The broker of a session whose jobs all run in containers."""
    assert isinstance(kafka_service, ContainerKafka)
    return kafka_service


def test_records_are_written_and_read_over_the_loopback_listener(broker: ContainerKafka, kafka_topic: str) -> None:
    host, _, _ = broker.bootstrap.partition(":")
    assert host == "127.0.0.1"
    broker.produce(kafka_topic, [KafkaRecord(b"k", b"%d" % number) for number in range(100)])
    assert [record.value for record in broker.read_committed(kafka_topic)] == [b"%d" % number for number in range(100)]


def test_a_killed_broker_restarts_with_its_records_at_the_same_address(
    broker: ContainerKafka, kafka_topic: str
) -> None:
    """A broker that was killed on purpose does not count as dead."""
    broker.produce(kafka_topic, [KafkaRecord(b"k", b"before")])
    bootstrap = broker.bootstrap
    broker.kill_broker()
    broker.require_alive()
    assert broker.live_brokers(timeout_s=1) is None
    with pytest.raises(HostError, match="does not run"):
        broker.kill_broker()
    broker.start_broker()
    broker.produce(kafka_topic, [KafkaRecord(b"k", b"after")])
    assert broker.bootstrap == bootstrap
    assert [record.value for record in broker.read_committed(kafka_topic)] == [b"before", b"after"]


def test_the_broker_has_the_limits_of_every_container(broker: ContainerKafka, engine: ContainerEngine) -> None:
    """One published port, on loopback; no capability; bounded memory; not root."""
    (container,) = [
        found
        for found in engine.client.containers.list(filters={"label": f"pytest-flink-agents.run={broker.run_id}"})
        if found.attrs["Config"]["Hostname"] == "kafka"
    ]
    host = container.attrs["HostConfig"]
    status = str(container.exec_run(["cat", "/proc/1/status"]).output)
    assert ("CapBnd:\\t0000000000000000" in status, "NoNewPrivs:\\t1" in status) == (True, True)
    assert host["Memory"] == host["MemorySwap"] == 2**30
    ports = {port: bindings for port, bindings in container.attrs["NetworkSettings"]["Ports"].items() if bindings}
    assert list(ports) == ["9092/tcp"]
    assert {binding["HostIp"] for binding in ports["9092/tcp"]} == {"127.0.0.1"}
    assert container.exec_run(["id", "-u"]).output != b"0\n"


def test_an_agents_job_in_containers_reads_and_writes_topics(
    broker: ContainerKafka, request: pytest.FixtureRequest, run_request, session_environment, session_tier: Tier
) -> None:
    """Over the network that broker and cluster share; the last input waits for an output."""
    assert broker.job_bootstrap == "kafka:19092"
    session_of(request.config).services.let_services_be_reached(session_environment, session_tier)
    inputs = [(f"k{number % 3}", {"item": "i", "amount": number}) for number in range(30)]
    turns = {29: Turn(29, compile_matcher({"contains": {"purchases": 9}}))}
    asked = through_topics(
        run_request("scenarios.agents.till:TillAgent", inputs), broker, session_environment, "in containers", turns
    )
    evidence = run(asked, session_environment, session_tier)
    assert evidence.job_state == "FINISHED", evidence.log_tail
    assert {output.input for output in evidence.outputs} == set(range(30))
    assert len(evidence.outputs) == 30
    assert evidence.held_inputs == ()


@pytest.fixture
def owned(engine: ContainerEngine) -> Iterator[OwnedContainers]:
    """The test's things at the engine."""
    with contextlib.closing(OwnedContainers(connect(), this_owner("a-test"))) as mine:
        yield mine


def test_a_broker_that_cannot_start_is_reported_with_its_log_and_leaves_nothing(
    owned: OwnedContainers, engine: ContainerEngine, base_image: str, tmp_path: Path
) -> None:
    kafka = ContainerKafka(
        owned,
        base_image,
        jobs_inside=True,
        directory=tmp_path / "kafka",
        ports=tmp_path / "ports",
        run_id="a-test",
        startup_timeout_s=30,
        progress=print,
    )
    with pytest.raises(HostError) as caught:
        kafka.start()
    assert caught.value.problems[0].code in ("FA454", "FA473")
    label = f"pytest-flink-agents.owner={owned.owner.token}"
    assert engine.client.containers.list(all=True, filters={"label": label}) == []
    assert engine.client.networks.list(filters={"label": label}) == []


def test_an_unknown_image_is_named_with_the_next_step(owned: OwnedContainers) -> None:
    spec = ContainerSpec("none", "flink-agents-nowhere:0", ("true",), "1:1", 64, 8)
    with pytest.raises(HostError) as caught:
        owned.start(spec, "none")
    assert caught.value.problems[0].code == "FA471"
    assert "flink-agents-nowhere:0" in caught.value.problems[0].message
