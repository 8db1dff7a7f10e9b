"""Embedded brokers that one thread kills while another looks at them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from flink_testbed.core.problem import HostError
from flink_testbed.kafka.embedded import EmbeddedKafka


class Broker:
    """A fake broker; ``step`` is called whenever it is looked at or killed."""

    name = "Kafka broker-0"
    log = Path("broker-0.log")

    def __init__(self, step: Callable[[], object]) -> None:
        self.step = step
        self.code: int | None = None

    def cap_log(self) -> None:
        self.step()

    def returncode(self) -> int | None:
        return self.code

    def kill(self) -> None:
        self.code = -9
        self.step()


def kafka_of(directory: Path, *brokers: Broker) -> EmbeddedKafka:
    nowhere: Any = None
    kafka = EmbeddedKafka(
        nowhere,
        directory=directory,
        ports=directory,
        archives=None,
        run_id="r",
        startup_timeout_s=1,
        progress=lambda line: None,
        brokers=len(brokers),
    )
    kafka._processes = cast(Any, dict(enumerate(brokers)))
    return kafka


def test_a_broker_is_not_reported_dead_while_a_test_kills_it(tmp_path: Path) -> None:
    first, second = Broker(lambda: None), Broker(lambda: None)
    kafka = kafka_of(tmp_path, first, second)
    first.step = kafka.require_alive
    kafka.kill_broker()
    with pytest.raises(HostError, match="FA440: broker 0 does not run"):
        kafka.kill_broker()
    first, second = Broker(lambda: None), Broker(lambda: None)
    kafka = kafka_of(tmp_path, first, second)
    first.step = lambda: kafka.kill_broker(1)
    kafka.require_alive()
    assert second.code == -9


def test_a_broker_that_died_by_itself_is_reported(tmp_path: Path) -> None:
    broker = Broker(lambda: None)
    broker.code = 137
    with pytest.raises(HostError, match="FA454: Kafka broker-0 has died with exit code 137"):
        kafka_of(tmp_path, broker).require_alive()
