"""Kafka brokers that belong to one test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.core.directories import cache_root
from flink_testbed.kafka.embedded import EmbeddedKafka
from flink_testbed.kafka.home import KafkaHome, provide_kafka
from flink_testbed.kafka.settings import server_properties

STARTUP_S = 120.0


def kafka_home() -> KafkaHome:
    """Return Java, jars and a formatted directory, from the cache or installed now."""
    return provide_kafka(resolve_flink("2.2").line, progress=print)


def make_kafka(home: KafkaHome, directory: Path, *, run_id: str = "a-test", brokers: int = 1) -> EmbeddedKafka:
    """Return a Kafka that is not started."""
    return EmbeddedKafka(
        home,
        directory=directory,
        ports=cache_root() / "ports",
        archives=cache_root() / "class-archives",
        run_id=run_id,
        startup_timeout_s=STARTUP_S,
        progress=print,
        brokers=brokers,
    )


@contextmanager
def broker_with(change: Callable[[str], str], directory: Path, *, run_id: str) -> Iterator[EmbeddedKafka]:
    """Start a broker until the block ends; ``change`` returns its properties from those that it has otherwise."""
    kafka = make_kafka(kafka_home(), directory, run_id=run_id)
    with mock.patch(
        "flink_testbed.kafka.embedded.server_properties",
        lambda *nodes, data: change(server_properties(*nodes, data=data)),
    ):
        kafka.start()
    try:
        yield kafka
    finally:
        kafka.close()
