"""Flink and Kafka of containers as context managers, without the session's own."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from flink_testbed import ClusterConfig, FlinkContainers, KafkaContainer, KafkaRecord
from flink_testbed.containers.engine import ContainerEngine

pytestmark = pytest.mark.slow


def test_flink_and_kafka_share_a_network_and_leave_nothing(
    engine: ContainerEngine, base_image: str, left_of: Callable[[int], list[str]]
) -> None:
    before = set(left_of(os.getpid()))
    flink_containers = FlinkContainers("2.2", base_image=base_image, config=ClusterConfig(slots=1))
    with flink_containers as flink, KafkaContainer(base_image=base_image) as kafka:
        assert flink.jobs() == ()
        kafka.create_topic("orders")
        kafka.produce("orders", [KafkaRecord(b"ada", b"3")])
        assert [record.value for record in kafka.read_committed("orders")] == [b"3"]
        kafka.join(flink.network)
        program = "import socket; socket.create_connection(('{}', {}), 10).close()"
        for host, port in (("kafka", 19092), ("jobmanager", 8081)):
            command = ["python3", "-c", program.format(host, port)]
            engine.client.containers.run(base_image, command, network=flink.network, remove=True)
    assert set(left_of(os.getpid())) == before
