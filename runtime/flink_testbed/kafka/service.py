"""One handle on a real Kafka: what every broker can do, whether it is a process, a container or somebody else's.

Everything here goes over Kafka's own protocol, through confluent-kafka. Every operation has a deadline; past it, the
error says what was waited for and what was seen last.
"""

from __future__ import annotations

import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from flink_testbed.core import clock
from flink_testbed.core.clock import wait_until
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.kafka.records import KafkaRecord, read_range
from flink_testbed.ownership.detached import Detachment

Isolation = Literal["read_committed", "read_uncommitted"]

ANSWER_S = 30.0
# Far below what the client's queue holds, by number and by size.
_ON_THEIR_WAY = 500
_LEVELS = {
    "read_committed": IsolationLevel.READ_COMMITTED,
    "read_uncommitted": IsolationLevel.READ_UNCOMMITTED,
}
# One request at a time: of several, a broker that has just become leader may refuse the first and take the second. To a
# producer that it does not know yet it then says that it has the first one, too, and the client believes it.
_NOTHING_LOST = {"acks": "all", "enable.idempotence": True, "max.in.flight": 1}
# What a broker answers that has not heard yet that it leads a partition, or that has just lost the one that did.
_UNSETTLED = (
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.OFFSET_NOT_AVAILABLE,
)


def topic_prefix(run_id: str) -> str:
    """What the names of a run's topics begin with."""
    return f"flink-agents-{run_id}-"


def topic_name(run_id: str, label: str) -> str:
    """A name that no other topic has: whose it is, what it is for, and a few characters by chance."""
    what = re.sub(r"[^a-zA-Z0-9_-]+", "-", label)[:120].strip("-")
    return f"{topic_prefix(run_id)}{what}-{secrets.token_hex(4)}"


class KafkaService(ABC):
    """A Kafka that answers at :attr:`bootstrap`, from :meth:`start` to :meth:`close`.

    ``run_id`` is whose topics are made here. ``replicas`` is how many a new topic gets. Not for several threads at once.
    """

    replicas = 1
    # The directory of the container owner's sockets, for a broker in a container.
    sockets: Path | None = None
    # Topics of this run that :meth:`close` could not delete, with Kafka's reason.
    left_topics: Mapping[str, str] = {}

    def __init__(self, *, run_id: str) -> None:
        self.run_id = run_id
        self.startup_s = 0.0
        self._admin_client: AdminClient | None = None
        self._producer_client: Producer | None = None

    @property
    @abstractmethod
    def bootstrap(self) -> str:
        """``HOST:PORT`` (several with commas between) for programs on this machine."""

    @property
    def job_bootstrap(self) -> str:
        """The same for jobs on the tier's Flink, which may be on another network."""
        return self.bootstrap

    @property
    @abstractmethod
    def provided(self) -> str:
        """What it is, in words, for the report."""

    @abstractmethod
    def start(self) -> None:
        """Start what is ours to start, and wait until the broker answers. On any error nothing stays."""

    @abstractmethod
    def close(self) -> None:
        """End what is ours: the brokers that we started, or only our topics."""

    def detach(self) -> Detachment | None:
        """Let the brokers outlive this process; :meth:`close` then has nothing to end.

        Returns None, with no effect, for brokers that this process did not start.
        """
        return None

    def join(self, network: str) -> None:  # noqa: B027  only a broker in a container can
        """Make the broker reachable on a container network, under its name."""

    @abstractmethod
    def kill_broker(self, number: int = 0) -> None:
        """SIGKILL a broker, the first is 0. What it had written stays for :meth:`start_broker`."""

    @abstractmethod
    def start_broker(self, number: int = 0) -> None:
        """Start a killed broker again on what it had written, and wait until it is back."""

    @abstractmethod
    def require_alive(self) -> None:
        """Raise :class:`HostError` with the log's end if a broker of ours has died by itself."""

    @abstractmethod
    def log_tail(self, lines: int = 40) -> str:
        """The ends of the brokers' logs, each under its name; empty where they are out of reach."""

    @property
    def _admin(self) -> AdminClient:
        if self._admin_client is None:
            self._admin_client = AdminClient(self._client_config())
        return self._admin_client

    def _client_config(self) -> dict[str, Any]:
        # A broker that is being started is asked again soon, not after the seconds that suit a network.
        return {
            "bootstrap.servers": self.bootstrap,
            "client.id": f"flink-agents-{self.run_id}",
            "reconnect.backoff.ms": 20,
            "reconnect.backoff.max.ms": 500,
            # What matters is in the errors of the operations themselves.
            "log_level": 2,
        }

    def _let_go(self) -> None:
        """Drop the clients."""
        self._admin_client = self._producer_client = None

    def live_brokers(self, timeout_s: float = 2.0) -> int | None:
        """How many brokers there are by the answer of one of them; None where none answers in time."""
        try:
            return len(self._admin.list_topics(timeout=timeout_s).brokers)
        except KafkaException:
            return None

    def _wait_ready(self, brokers: int, timeout_s: float) -> None:
        """Wait until so many brokers of ours answer for each other."""

        def probe() -> tuple[bool | None, str]:
            self.require_alive()
            found = self.live_brokers(timeout_s=0.5)
            return (found == brokers) or None, "no answer" if found is None else f"{found} brokers"

        wait_until(
            probe,
            what=f"{brokers} Kafka broker(s) at {self.bootstrap}",
            timeout_s=timeout_s,
            code="FA453",
            next_step="the ends of the logs are below; or allow more time with --flink-startup-timeout",
            detail=self.log_tail,
        )

    def topics(self) -> frozenset[str]:
        """The names of all topics but Kafka's own."""
        try:
            names = self._admin.list_topics(timeout=ANSWER_S).topics
        except KafkaException as error:
            raise self._refused("the topics cannot be listed", error) from error
        return frozenset(name for name in names if not name.startswith("__"))

    def create_topic(self, name: str, *, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
        """Make a topic, and wait until each partition's leader serves it. One that is there already is an error."""
        topic = NewTopic(name, partitions, self.replicas, config=dict(config or {}))
        try:
            self._admin.create_topics([topic], request_timeout=ANSWER_S)[name].result(ANSWER_S)
        except (KafkaException, TimeoutError) as error:
            raise self._refused(f"topic {name} cannot be made", error) from error

        def led() -> tuple[bool | None, str]:
            found = self._metadata(name)
            leaders = [each.leader for each in found.partitions.values()] if found else []
            return (len(leaders) == partitions and all(leader >= 0 for leader in leaders)) or None, f"leaders {leaders}"

        self._wait(led, f"topic {name} to have its leaders")
        # A leader may not know it yet: only its answer shows that it takes records.
        self.end_offsets(name)

    def delete_topic(self, name: str) -> None:
        """Delete a topic, and wait until it is gone. One that is not there is an error."""
        try:
            self._admin.delete_topics([name], request_timeout=ANSWER_S)[name].result(ANSWER_S)
        except (KafkaException, TimeoutError) as error:
            raise self._refused(f"topic {name} cannot be deleted", error) from error
        self._wait(lambda: (self._metadata(name) is None or None, "still there"), f"topic {name} to be gone")

    def _metadata(self, name: str) -> Any:
        # All are asked for: to ask for one would make it on brokers that make topics by themselves.
        try:
            return self._admin.list_topics(timeout=ANSWER_S).topics.get(name)
        except KafkaException as error:
            raise self._refused("the topics cannot be listed", error) from error

    def _wait(self, probe: Any, what: str) -> None:
        wait_until(probe, what=what, timeout_s=ANSWER_S, next_step="look at the broker's log", detail=self.log_tail)

    def produce(self, topic: str, records: Iterable[KafkaRecord], *, timeout_s: float = ANSWER_S) -> None:
        """Write records in their order; all in-sync replicas have them when this returns."""
        if self._producer_client is None:
            self._producer_client = Producer({**self._client_config(), **_NOTHING_LOST, "linger.ms": 2})
        producer, failures, deadline = self._producer_client, [], clock.now_s() + timeout_s

        def delivered(error: KafkaError | None, _: object) -> None:
            if error is not None:
                failures.append(error)

        try:
            for record in records:
                self._produce_one(producer, topic, record, delivered, deadline)
            left = producer.flush(max(0.0, deadline - clock.now_s()))
        except (KafkaException, BufferError) as error:
            raise self._refused(f"a record for topic {topic} was refused", error) from error
        if failures or left:
            # What is still on its way must not arrive after we have said that it did not.
            producer.purge()
            producer.flush(1.0)
            seen = failures[0] if failures else f"{left} records not acknowledged in {timeout_s:g} s"
            raise self._refused(f"records for topic {topic} were not taken", seen)

    @staticmethod
    def _produce_one(producer: Producer, topic: str, record: KafkaRecord, delivered: Any, deadline: float) -> None:
        where: dict[str, Any] = {} if record.partition is None else {"partition": record.partition}
        if record.timestamp_ms is not None:
            where["timestamp"] = record.timestamp_ms
        while len(producer) >= _ON_THEIR_WAY and clock.now_s() < deadline:
            producer.poll(0.1)
        producer.produce(topic, record.value, record.key, headers=list(record.headers), on_delivery=delivered, **where)
        producer.poll(0)

    def read(
        self, topic: str, *, isolation: Isolation = "read_committed", timeout_s: float = ANSWER_S
    ) -> list[KafkaRecord]:
        """All records from the topic's beginning to where it ends now; by partition, then by offset.

        Under ``read_committed`` it ends before the first open transaction, and aborted records are left out.
        """
        begins = self._offsets(topic, OffsetSpec.earliest(), isolation)
        ends = self._offsets(topic, OffsetSpec.latest(), isolation)
        config = {
            **self._client_config(),
            "group.id": f"flink-agents-{self.run_id}-reader",  # never committed to, but the client wants one
            "isolation.level": isolation,
            "auto.offset.reset": "error",
        }
        try:
            return read_range(config, topic, begins, ends, timeout_s)
        except KafkaException as error:
            raise self._refused(f"topic {topic} cannot be read", error) from error

    def read_committed(self, topic: str, *, timeout_s: float = ANSWER_S) -> list[KafkaRecord]:
        """What a consumer that wants exactly-once sees of the topic now."""
        return self.read(topic, isolation="read_committed", timeout_s=timeout_s)

    def end_offsets(self, topic: str, *, isolation: Isolation = "read_committed") -> dict[int, int]:
        """Partition -> the offset after its last record."""
        return self._offsets(topic, OffsetSpec.latest(), isolation)

    def _offsets(self, topic: str, which: OffsetSpec, isolation: Isolation) -> dict[int, int]:
        deadline = clock.now_s() + ANSWER_S
        while True:
            try:
                found = self._metadata(topic)
                if found is None:
                    raise self._refused(f"topic {topic} cannot be read", "there is no topic of that name")
                asked = {TopicPartition(topic, partition): which for partition in found.partitions}
                level = _LEVELS[isolation]
                answers = self._admin.list_offsets(asked, isolation_level=level, request_timeout=ANSWER_S)
                return {at.partition: future.result(ANSWER_S).offset for at, future in answers.items()}
            except (KafkaException, TimeoutError) as error:
                code = error.args[0].code() if isinstance(error, KafkaException) else None
                if code not in _UNSETTLED or clock.now_s() > deadline:
                    raise self._refused(f"the offsets of topic {topic} cannot be read", error) from error
            clock.pause(0.05)

    def _refused(self, what: str, seen: object) -> HostError:
        return HostError(
            Problem(
                "FA455",
                what,
                where=self.bootstrap,
                seen=str(seen) or type(seen).__name__,
                next_step="the reason is Kafka's own",
                detail=self.log_tail(15),
            )
        )
