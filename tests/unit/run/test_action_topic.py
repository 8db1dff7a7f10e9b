"""The topic of action states: made for a run that asks for a store, and read after it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flink_agents_runtime.engine.action_record import ActionRecord
from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.kafka.record import KafkaRecord
from flink_testbed.kafka.service import KafkaService
from pytest_flink_agents.evidence.action_state import ActionState
from pytest_flink_agents.evidence.model import Evidence, StepRecord
from pytest_flink_agents.evidence.replays import Replays
from pytest_flink_agents.provision.ledger import SessionLedger
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.run import item, prepared_run
from pytest_flink_agents.run.action_topic import ActionTopic, provide_action_topic, with_action_states
from pytest_flink_agents.run.subject import AgentSubject
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.load import LoadedScenario, load_file
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import Engine, Tier

COMPLETED = ActionRecord("input", "event", completed=True).to_bytes()
IN_PROGRESS = ActionRecord("input", "event").to_bytes()
EVIDENCE = Evidence("embedded", "2.2.1", "bundled")


class Topics:
    """A Kafka with one topic of given records; ``end`` is the offset after the last one ever written."""

    run_id, job_bootstrap = "r", "kafka:9092"

    def __init__(self, *records: KafkaRecord, end: int | None = None, bootstrap: str = "127.0.0.1:9092") -> None:
        self._records = list(records)
        self._end = len(records) if end is None else end
        self.bootstrap = bootstrap
        self.made: list[tuple[str, int, Mapping[str, str]]] = []
        self.deleted: list[str] = []

    def create_topic(self, name: str, *, partitions: int, config: Mapping[str, str]) -> None:
        self.made.append((name, partitions, config))

    def delete_topic(self, name: str) -> None:
        self.deleted.append(name)

    def read(self, topic: str, *, timeout_s: float) -> list[KafkaRecord]:
        if self._end < 0:
            raise HostError(Problem("FA455", "no broker answers"))
        return self._records

    def end_offsets(self, topic: str) -> dict[int, int]:
        return {0: self._end, 1: 0}


def record(offset: int, value: bytes | None, *names: object) -> KafkaRecord:
    key = json.dumps(names or ["job", '"c-1"', 2, "p", "pay"]).encode()
    return KafkaRecord(key, value, partition=0, offset=offset, timestamp_ms=1_000 * (9 - offset))


def evidence_of(kafka: Topics, evidence: Evidence = EVIDENCE, **fields: Any) -> Evidence:
    topic = ActionTopic(cast(KafkaService, kafka), "actions", **fields)
    return with_action_states(evidence, topic, scenario())


def scenario(*, job: str | None = None, **config: object) -> LoadedScenario:
    return cast(LoadedScenario, SimpleNamespace(name="one", scenario=SimpleNamespace(config=config, job=job)))


def test_records_become_states_in_the_order_of_the_brokers_clock() -> None:
    kafka = Topics(record(0, IN_PROGRESS), record(1, COMPLETED), record(2, None), record(3, b"finished", "job"))
    evidence = evidence_of(kafka)
    assert evidence.action_states_unknown == ""
    assert evidence.action_states == (
        ActionState("job", "c-1", 2, "p", "pay", 0, 2, 7.0, removed=True),
        ActionState("job", "c-1", 2, "p", "pay", 0, 1, 8.0, completed=True),
        ActionState("job", "c-1", 2, "p", "pay", 0, 0, 9.0),
    )


@pytest.mark.parametrize(
    ("kafka", "fields", "unknown"),
    [
        (Topics(record(0, COMPLETED), end=3), {}, "2 records of the topic of action states were removed"),
        (Topics(end=-1), {}, "the topic of action states cannot be read: no broker answers"),
        (Topics(record(0, b'{"actionEvents": []}')), {}, "the records of the topic of action states are not in the"),
        (Topics(record(0, COMPLETED, "key_1_uuid", "x")), {}, "the records of the topic of action states are not in"),
        (Topics(KafkaRecord(b"key_1_uuid", b"{}", partition=0, offset=0)), {}, "the records of the topic of action"),
        (Topics(), {"own": False}, "the scenario names the topic actions, which may hold the records of other runs"),
    ],
)
def test_records_that_are_not_whole_are_unknown(kafka: Topics, fields: dict[str, Any], unknown: str) -> None:
    assert evidence_of(kafka, **fields).action_states_unknown.startswith(unknown)


def test_a_broker_with_another_clock_does_not_say_what_came_before_a_fault() -> None:
    kafka = Topics(bootstrap="127.0.0.1:9092,kafka.example:9092")
    assert evidence_of(kafka).action_states_unknown == ""
    broken = Evidence("embedded", "2.2.1", "bundled", steps=(StepRecord("after 1 s", "kill taskmanager"),))
    assert "kafka.example:9092 has a clock of its own" in evidence_of(kafka, broken).action_states_unknown
    assert evidence_of(Topics(), broken).action_states_unknown == ""


def test_the_topic_is_compacted_and_its_times_are_the_brokers() -> None:
    kafka = Topics()
    topic = provide_action_topic(cast(KafkaService, kafka), scenario())
    name = topic.name
    assert name.startswith("flink-agents-r-one-actions-")
    assert topic.options("k:9") == {"kafkaBootstrapServers": "k:9", "kafkaActionStateTopic": name}
    options = {"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime"}
    assert kafka.made == [(name, 1, options)]
    provide_action_topic(cast(KafkaService, kafka), scenario(kafkaActionStateTopicNumPartitions=4))
    provide_action_topic(cast(KafkaService, kafka), scenario(kafkaActionStateTopicNumPartitions="many"))
    assert [partitions for _, partitions, _ in kafka.made] == [1, 4, 1]


def test_a_topic_that_the_scenario_names_is_not_made() -> None:
    kafka = Topics()
    topic = provide_action_topic(cast(KafkaService, kafka), scenario(kafkaActionStateTopic="mine"))
    topic.close()
    assert (topic.name, topic.own, kafka.made, kafka.deleted) == ("mine", False, [], [])


class Session:
    """The services of a session and the test environment of its release: none runs."""

    def __init__(self, root: Path, kafka: Topics) -> None:
        self.settings = Settings(root, ())
        self.ledger = SessionLedger(root)
        self.kafka = kafka
        self.let_services_be_reached = self.progress = lambda *_: None
        python = SimpleNamespace(site_packages=root)
        self.environment = lambda *_, **__: SimpleNamespace(
            environment=python, engine=SimpleNamespace(name=Engine.BUNDLED)
        )

    def proxies(self, links: frozenset[str], cluster: Any) -> nullcontext[dict[str, Any]]:
        assert not links
        return nullcontext({})


def test_one_topic_serves_a_run_with_replays_and_is_deleted_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop.py").write_text("class Shop: ...\n")
    file = tmp_path / "x.scenario.yaml"
    file.write_text(
        'version: "1"\nname: one\nagent: shop:Shop\ninputs: [{key: a, value: 1}]\n'
        "tiers: [local]\nalways_replay: true\nconfig: {actionStateStoreBackend: kafka}\n"
        "expect: {delivery: {actions: exactly_once}}\n"
    )
    (loaded,) = load_file(file, Project(tmp_path))
    kafka, configs = Topics(record(0, COMPLETED)), []

    def ran(subject: AgentSubject, *_: Any) -> Evidence:
        configs.append(subject.config)
        assert not kafka.deleted
        return Evidence("local", "2.2.1", "bundled")

    def replayed(subject: AgentSubject, *_: Any, with_store: bool, **__: Any) -> Replays:
        configs.append(subject.config)
        return Replays(with_store=with_store)

    monkeypatch.setattr(prepared_run, "execute", ran)
    monkeypatch.setattr(prepared_run, "replay_in_worker", replayed)
    services = cast(Services, Session(tmp_path, kafka))
    evidence = item.ScenarioRun(services, loaded, Tier.LOCAL, resolve_flink("2.2"))._evidence(tmp_path, seed=1)
    ((name, _, _),) = kafka.made
    assert kafka.deleted == [name]
    assert len(evidence.action_states or ()) == 1
    assert evidence.replays == Replays(with_store=True)
    assert [config.get("kafkaActionStateTopic") for config in configs] == [name, None]


@pytest.mark.parametrize(
    ("backend", "loaded", "unknown"),
    [
        (None, scenario(), ""),
        ("kafka", scenario(), "only a store in the session's Kafka is read"),
        (None, scenario(job="shop.py"), "the action state store of the user's own job is not read"),
        (None, scenario(actionStateStoreBackend="kafka"), "replays keep action states in memory"),
    ],
)
def test_without_a_topic_of_the_run_only_a_store_that_is_off_is_known(
    backend: str | None, loaded: LoadedScenario, unknown: str
) -> None:
    configured = Evidence("embedded", "2.2.1", "bundled", config={"actionStateStoreBackend": {"value": backend}})
    evidence = with_action_states(configured, None, loaded)
    assert evidence.action_states is None
    assert evidence.action_states_unknown.startswith(unknown)
    assert bool(evidence.action_states_unknown) == bool(unknown)
