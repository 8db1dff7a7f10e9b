"""The topic of action states of one run: made before it, read after it, then deleted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flink_agents_runtime.engine.action_record import ActionRecord, StoreError
from flink_testbed.core.ports import LOOPBACK
from flink_testbed.core.problem import HostError
from flink_testbed.kafka.record import KafkaRecord
from flink_testbed.kafka.topic_names import topic_name
from pytest_flink_agents.evidence.action_state import ActionState
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.scenario.load import LoadedScenario

if TYPE_CHECKING:
    from flink_testbed.kafka.service import KafkaService

BACKEND, SERVERS, TOPIC = "actionStateStoreBackend", "kafkaBootstrapServers", "kafkaActionStateTopic"
_PARTITIONS = "kafkaActionStateTopicNumPartitions"
_READ_S = 120.0
# A broker's own clock, which a killed process cannot have set.
_TOPIC_OPTIONS = {"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime"}


def needs_action_store(loaded: LoadedScenario) -> bool:
    """Return whether the session's Kafka keeps the action state of the scenario's agent.

    It does if the scenario asks for the backend and names no brokers of its own.
    """
    config = loaded.scenario.config
    return config.get(BACKEND) == "kafka" and SERVERS not in config


@dataclass(frozen=True, slots=True)
class ActionTopic:
    """A topic that one run writes action states to; ``own`` is False if the scenario names it."""

    kafka: KafkaService
    name: str
    own: bool = True

    def options(self, bootstrap: str) -> Mapping[str, str]:
        """Return the options of flink-agents that name the topic, at this address of Kafka."""
        return {SERVERS: bootstrap, TOPIC: self.name}

    def states(self) -> tuple[tuple[ActionState, ...] | None, str]:
        """Return all records in the order of their appending, and why some may be missing, empty if none can be."""
        if not self.own:
            return None, f"the scenario names the topic {self.name}, which may hold the records of other runs"
        try:
            records = self.kafka.read(self.name, timeout_s=_READ_S)
            ends = self.kafka.end_offsets(self.name)
        except HostError as error:
            return None, f"the topic of action states cannot be read: {error.problems[0].message}"
        read = Counter(record.partition for record in records)
        lost = sum(end - read[partition] for partition, end in ends.items())
        unknown = f"{lost} records of the topic of action states were removed before they were read" if lost else ""
        try:
            found = (state for record in records if (state := _state(record)) is not None)
            states = sorted(found, key=lambda state: (state.at_s, state.partition, state.offset))
        except (StoreError, ValueError, TypeError, LookupError):
            return None, "the records of the topic of action states are not in the format of the bundled engine"
        return tuple(states), unknown

    def close(self) -> None:
        """Delete the topic, unless the scenario names it."""
        if self.own:
            self.kafka.delete_topic(self.name)


def provide_action_topic(kafka: KafkaService, loaded: LoadedScenario) -> ActionTopic:
    """Create the topic of action states of one run.

    It has one partition unless the scenario states a number, so that its records have an order.
    """
    config = loaded.scenario.config
    if TOPIC in config:
        return ActionTopic(kafka, str(config[TOPIC]), own=False)
    topic = ActionTopic(kafka, topic_name(kafka.run_id, f"{loaded.name}-actions"))
    stated = str(config.get(_PARTITIONS, ""))
    # The engine refuses a number that is none, and says so.
    partitions = int(stated) if stated.isdecimal() else 1
    kafka.create_topic(topic.name, partitions=partitions, config=_TOPIC_OPTIONS)
    return topic


def on_loopback(bootstrap: str) -> bool:
    """Return whether all brokers are on this machine, and so have its clock."""
    hosts = (address.rpartition(":")[0] for address in bootstrap.split(","))
    return all(host in ("localhost", LOOPBACK) for host in hosts)


def with_action_states(evidence: Evidence, topic: ActionTopic | None, loaded: LoadedScenario) -> Evidence:
    """Return the evidence with the records of a run that has ended."""
    if topic is not None:
        states, unknown = topic.states()
        if evidence.steps and not on_loopback(topic.kafka.bootstrap):
            unknown = f"Kafka at {topic.kafka.bootstrap} has a clock of its own: what came before a fault is not known"
        return replace(evidence, action_states=states, action_states_unknown=unknown)
    return replace(evidence, action_states_unknown=_not_read(evidence, loaded))


def _not_read(evidence: Evidence, loaded: LoadedScenario) -> str:
    """Return why a store, if there is one, is not read; empty if there is none."""
    if loaded.scenario.job is not None:
        return "the action state store of the user's own job is not read"
    if needs_action_store(loaded):
        return "replays keep action states in memory, and not in Kafka"
    if evidence.config.get(BACKEND, {}).get("value") is None:
        return ""
    return f"only a store in the session's Kafka is read, for which a scenario states {BACKEND} and no {SERVERS}"


def _state(record: KafkaRecord) -> ActionState | None:
    """Return the state of an action; None for the mark of a finished job."""
    names: Sequence[Any] = json.loads(record.key or b"null")
    if len(names) == 1:
        return None
    job, key, sequence, position, action = names
    assert record.partition is not None, "a record that was read"
    return ActionState(
        job=job,
        key=json.loads(key),
        sequence=sequence,
        position=position,
        action=action,
        partition=record.partition,
        offset=record.offset or 0,
        at_s=(record.timestamp_ms or 0) / 1000,
        completed=record.value is not None and ActionRecord.from_bytes(record.value).completed,
        removed=record.value is None,
    )
