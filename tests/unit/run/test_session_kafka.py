"""The session's broker when it is detached."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flink_testbed.kafka.service import KafkaService
from flink_testbed.ownership.session_record import BROKERS
from pytest_flink_agents.provision import kafka as kafka_module
from pytest_flink_agents.provision.kafka import SessionKafka
from pytest_flink_agents.settings import Settings


class Record:
    """A session's record in memory."""

    def __init__(self, events: list[str]) -> None:
        self._events = events

    def forget(self, kind: str, name: str) -> None:
        self._events.append(f"forget {kind}")


class Broker:
    """A running broker that can be detached. It reports its end."""

    sockets = None

    def __init__(self, events: list[str]) -> None:
        self._events = events

    def detach(self) -> object:
        return SimpleNamespace()

    def close(self) -> None:
        self._events.append("close")


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls that end or release the broker, in order."""
    calls: list[str] = []
    monkeypatch.setattr(kafka_module, "own_record", lambda run_id: Record(calls))
    return calls


def session_kafka(tmp_path: Path, broker: Broker) -> SessionKafka:
    settings = Settings(root=tmp_path, python_path=())
    kafka = SessionKafka(settings, run_id="r", directory=tmp_path, progress=print, broker_client=None)
    kafka._service = cast(KafkaService, broker)
    return kafka


def test_a_detached_broker_gets_a_holder_before_it_leaves_the_record(
    tmp_path: Path, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_module, "hold_detached", lambda detachment: events.append("hold"))
    kafka = session_kafka(tmp_path, Broker(events))
    kafka.detach()
    kafka.close()
    assert events == ["hold", f"forget {BROKERS}"], "the holder ends it now, close() does not"


def test_a_broker_without_a_holder_is_still_ended(
    tmp_path: Path, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_holder(detachment: Any) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(kafka_module, "hold_detached", no_holder)
    kafka = session_kafka(tmp_path, Broker(events))
    with pytest.raises(OSError, match="no more processes"):
        kafka.detach()
    kafka.close()
    assert events == ["close"]
