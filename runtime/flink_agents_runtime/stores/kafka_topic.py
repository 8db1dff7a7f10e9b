"""The topic of action states: its creation, its cleanup policy and its offsets."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec, ResourceType

from flink_agents_runtime.engine.action_record import StoreError

_PAUSE_S = 0.05
# Errors of a broker that does not know yet that it leads a partition, as just after the topic was created.
_LEADER_UNSETTLED = (
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
)
# Brokers compact closed segments only, which by default stay open for a week or a gigabyte; until then a rebuild
# also reads what was replaced or removed. A rebuild that takes longer than tombstones are retained finds removed
# records again, and they are removed again.
_TOPIC_OPTIONS = {
    "cleanup.policy": "compact",
    "segment.ms": "600000",
    "max.compaction.lag.ms": "3600000",
    "delete.retention.ms": "3600000",
}


@dataclass(frozen=True, slots=True)
class KafkaTopic:
    """The topic for action states.

    ``partitions`` and ``replication`` apply only if the topic has to be created.
    """

    bootstrap_servers: str
    topic: str
    partitions: int
    replication: int


class TopicAdmin:
    """The administration of one topic.

    ``client`` is the configuration of the client, ``answer_s`` the time limit for each answer of a broker.
    """

    def __init__(self, topic: KafkaTopic, client: Mapping[str, Any], logger: logging.Logger, answer_s: float) -> None:
        self._topic = topic
        self._name = topic.topic
        self._answer_s = answer_s
        self._admin = AdminClient(dict(client), logger=logger)

    def offsets(self, which: OffsetSpec) -> dict[int, int]:
        """Return the first or last offset of each partition."""
        deadline = time.monotonic() + self._answer_s
        while True:
            try:
                known = self._admin.list_topics(self._name, timeout=self._answer_s).topics[self._name].partitions
                asked = {TopicPartition(self._name, partition): which for partition in known}
                answers = self._admin.list_offsets(asked, request_timeout=self._answer_s)
                return {at.partition: future.result(self._answer_s).offset for at, future in answers.items()}
            except (KafkaException, TimeoutError) as error:
                code = error.args[0].code() if isinstance(error, KafkaException) else None
                if code not in _LEADER_UNSETTLED or time.monotonic() > deadline:
                    raise self.error("the topic's offsets cannot be read", str(error)) from error
            time.sleep(_PAUSE_S)

    def provide(self) -> None:
        """Create the topic if it is missing, else check its cleanup policy.

        Raises :class:`StoreError` if no broker answers, or if the policy would lose records.
        """
        try:
            if self._exists():
                self._check_policy()
                return
            topic = NewTopic(self._name, self._topic.partitions, self._topic.replication, config=_TOPIC_OPTIONS)
            created = self._admin.create_topics([topic], operation_timeout=self._answer_s)[self._name]
            created.result(self._answer_s)
        except KafkaException as error:
            # Another subtask has created it in the meantime.
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise self.error("the topic cannot be created or checked", str(error)) from error
        except TimeoutError as error:
            raise self.error("the topic cannot be created or checked", "no answer") from error
        self._wait_for_leaders()

    def _exists(self) -> bool:
        # Lists all topics: asking for a single one creates it on many brokers, and without compaction.
        return self._name in self._admin.list_topics(timeout=self._answer_s).topics

    def _wait_for_leaders(self) -> None:
        """Wait until every partition of a new topic has a leader."""
        deadline = time.monotonic() + self._answer_s
        while True:
            found = self._admin.list_topics(timeout=self._answer_s).topics.get(self._name)
            if found and found.partitions and all(each.leader >= 0 for each in found.partitions.values()):
                return
            if time.monotonic() > deadline:
                raise self.error("the new topic has no leader", repr(found))
            time.sleep(_PAUSE_S)

    def _check_policy(self) -> None:
        resource = ConfigResource(ResourceType.TOPIC, self._name)
        answer = self._admin.describe_configs([resource], request_timeout=self._answer_s)[resource]
        policy = answer.result(self._answer_s)["cleanup.policy"].value
        if policy != "compact":
            raise self.error(
                "the topic would lose action states",
                f"cleanup.policy={policy}",
                "set cleanup.policy=compact, or name a topic that does not exist yet: it is created with that policy",
            )

    def error(self, what: str, seen: str, next_step: str = "") -> StoreError:
        """Return the error for something that the brokers answered, or did not answer."""
        where = f"topic {self._name!r} at {self._topic.bootstrap_servers}"
        return StoreError("; ".join(part for part in (f"{what}: {where}", f"seen: {seen}", next_step) if part))
