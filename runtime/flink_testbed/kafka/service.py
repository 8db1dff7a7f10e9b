"""The handle on a Kafka of any kind.

Everything here uses Kafka's own protocol, through confluent-kafka. Each operation has a deadline;
the error at the deadline names the condition and the last state seen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from flink_testbed.core import clock
from flink_testbed.core.clock import wait_until
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.kafka.offsets import Isolation, is_unsettled, list_offsets
from flink_testbed.kafka.record import KafkaRecord
from flink_testbed.kafka.records import LOSSLESS, read_range, write_records
from flink_testbed.network import Passage
from flink_testbed.ownership.detached import Detachment

ANSWER_S = 30.0


class KafkaService(ABC):
    """A Kafka that answers at :attr:`bootstrap`, from :meth:`start` to :meth:`close`.

    ``run_id`` marks the topics that are made here; ``replicas`` is the replication factor of a new
    topic. Not for several threads at once.
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
        """``HOST:PORT``, separated by commas, for programs on this machine."""

    @property
    def job_bootstrap(self) -> str:
        """The address for jobs, which may run on another network."""
        return self.bootstrap

    @property
    def job_properties(self) -> Mapping[str, str]:
        """The properties that a job's Java client needs besides the address; they may hold secrets."""
        return {}

    @property
    def passages(self) -> tuple[Passage, ...]:
        """The passages of a proxy between this Kafka and a job on this machine; none if it does not allow one."""
        return ()

    @property
    @abstractmethod
    def provided(self) -> str:
        """Version and kind in words, for the report."""

    @abstractmethod
    def start(self) -> None:
        """Start the brokers and wait until they answer.

        After an error nothing is left.
        """

    @abstractmethod
    def close(self) -> None:
        """End the brokers; on an external Kafka, delete the run's topics."""

    def detach(self) -> Detachment | None:
        """Let the brokers outlive this process; :meth:`close` then has nothing to end.

        Returns None, with no effect, for brokers that this process did not start.
        """
        return None

    def join(self, network: str) -> None:  # noqa: B027  only a broker in a container can
        """Make the broker reachable on a container network, under its name."""

    @abstractmethod
    def kill_broker(self, number: int = 0) -> None:
        """Kill a broker with SIGKILL; the first one is number 0.

        Its data stays for :meth:`start_broker`.
        """

    @abstractmethod
    def start_broker(self, number: int = 0) -> None:
        """Start a killed broker again, on its old data."""

    @abstractmethod
    def require_alive(self) -> None:
        """Raise :class:`HostError` if a broker of this session died by itself."""

    @abstractmethod
    def log_tail(self, lines: int = 40) -> str:
        """Return the last lines of the brokers' logs, each below its name.

        Empty if the logs are out of reach.
        """

    @property
    def _admin(self) -> AdminClient:
        if self._admin_client is None:
            self._admin_client = AdminClient(self._client_config())
        return self._admin_client

    def _client_config(self) -> dict[str, Any]:
        # The default backoff of several seconds suits a network, not a broker that is starting next
        # door.
        return {
            "bootstrap.servers": self.bootstrap,
            "client.id": f"flink-agents-{self.run_id}",
            "reconnect.backoff.ms": 20,
            "reconnect.backoff.max.ms": 500,
            # Critical only: the errors of the operations themselves have all that matters.
            "log_level": 2,
        }

    def _let_go(self) -> None:
        """Drop the connections to the brokers."""
        self._admin_client = self._producer_client = None

    def live_brokers(self, timeout_s: float = 2.0) -> int | None:
        """Return the number of brokers, None if none answers."""
        try:
            return len(self._admin.list_topics(timeout=timeout_s).brokers)
        except KafkaException:
            return None

    def _wait_ready(self, brokers: int, timeout_s: float) -> None:
        """Wait until one broker reports that all ``brokers`` are there."""

        def probe() -> tuple[bool | None, str]:
            self.require_alive()
            found = self.live_brokers(timeout_s=0.5)
            return (found == brokers) or None, "no answer" if found is None else f"{found} broker(s)"

        wait_until(
            probe,
            what=f"{brokers} Kafka broker(s) at {self.bootstrap}",
            timeout_s=timeout_s,
            code="FA453",
            next_step="read the logs below, or allow more time with --flink-startup-timeout",
            detail=self.log_tail,
        )

    def topics(self) -> frozenset[str]:
        """Return the names of all topics except Kafka's own."""
        try:
            names = self._admin.list_topics(timeout=ANSWER_S).topics
        except KafkaException as error:
            raise self._refused("the topics cannot be listed", error) from error
        return frozenset(name for name in names if not name.startswith("__"))

    def create_topic(self, name: str, *, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
        """Create a topic and wait until its leaders serve it.

        Raises :class:`HostError` FA455 if the topic exists.
        """
        topic = NewTopic(name, partitions, self.replicas, config=dict(config or {}))
        try:
            self._admin.create_topics([topic], request_timeout=ANSWER_S)[name].result(ANSWER_S)
        except (KafkaException, TimeoutError) as error:
            raise self._refused(f"topic {name} cannot be created", error) from error

        def led() -> tuple[bool | None, str]:
            found = self._metadata(name)
            leaders = [each.leader for each in found.partitions.values()] if found else []
            return (len(leaders) == partitions and all(leader >= 0 for leader in leaders)) or None, f"leaders {leaders}"

        self._wait(led, f"the leaders of topic {name}")
        # The metadata may be ahead of the leader itself: only an answer from it shows that it takes
        # records.
        self.end_offsets(name)

    def delete_topic(self, name: str) -> None:
        """Delete a topic and wait until it is gone.

        Raises :class:`HostError` FA455 if the topic does not exist.
        """
        try:
            self._admin.delete_topics([name], request_timeout=ANSWER_S)[name].result(ANSWER_S)
        except (KafkaException, TimeoutError) as error:
            raise self._refused(f"topic {name} cannot be deleted", error) from error
        self._wait(lambda: (self._metadata(name) is None or None, "it still exists"), f"the deletion of topic {name}")

    def _metadata(self, name: str) -> Any:
        # List all topics: asking for one creates it on brokers with auto.create.topics.enable.
        try:
            return self._admin.list_topics(timeout=ANSWER_S).topics.get(name)
        except KafkaException as error:
            raise self._refused("the topics cannot be listed", error) from error

    def _wait(self, probe: Any, what: str) -> None:
        wait_until(probe, what=what, timeout_s=ANSWER_S, next_step="read the broker's log", detail=self.log_tail)

    def produce(self, topic: str, records: Iterable[KafkaRecord], *, timeout_s: float = ANSWER_S) -> None:
        """Write records in order and wait until all in-sync replicas have them."""
        if self._producer_client is None:
            self._producer_client = Producer({**self._client_config(), **LOSSLESS, "linger.ms": 2})
        try:
            refusal = write_records(self._producer_client, topic, records, timeout_s)
        except (KafkaException, BufferError) as error:
            raise self._refused(f"topic {topic} refused a record", error) from error
        if refusal:
            raise self._refused(f"topic {topic} did not accept the records", refusal)

    def read(
        self, topic: str, *, isolation: Isolation = "read_committed", timeout_s: float = ANSWER_S
    ) -> list[KafkaRecord]:
        """Return all records of the topic, by partition and offset.

        Up to its end at the time of the call. With ``read_committed`` that is before the first open
        transaction, and aborted records are left out.
        """
        begins, ends = self.begin_offsets(topic), self.end_offsets(topic, isolation=isolation)
        records = self.records(topic, begins, ends, isolation=isolation, timeout_s=timeout_s)
        return sorted(records, key=lambda record: (record.partition, record.offset))

    def records(
        self,
        topic: str,
        begins: Mapping[int, int],
        ends: Mapping[int, int],
        *,
        isolation: Isolation = "read_committed",
        timeout_s: float = ANSWER_S,
    ) -> Generator[KafkaRecord, None, None]:
        """Yield the records from one offset of each partition up to another, as they arrive.

        Those of a partition come in order. The offsets in ``ends`` are exclusive. Raises :class:`HostError` instead of ending
        early.
        """
        config = {**self._client_config(), "isolation.level": isolation}
        try:
            yield from read_range(config, topic, begins, ends, timeout_s)
        except KafkaException as error:
            raise self._refused(f"topic {topic} cannot be read", error) from error

    def read_committed(self, topic: str, *, timeout_s: float = ANSWER_S) -> list[KafkaRecord]:
        """Return the records that a consumer with exactly-once semantics sees now."""
        return self.read(topic, isolation="read_committed", timeout_s=timeout_s)

    def begin_offsets(self, topic: str) -> dict[int, int]:
        """Return the offset of the first record that each partition still has, that of its end without one."""
        return self._offsets(topic, OffsetSpec.earliest(), "read_uncommitted")

    def offsets_at(self, topic: str, time_ms: int) -> dict[int, int]:
        """Return the offset of each partition's first record with this time or a later one, that of its end without one.

        ``time_ms`` is in milliseconds since 1970.
        """
        # The ends come first: a record that is written meanwhile lies behind them.
        ends = self.end_offsets(topic, isolation="read_uncommitted")
        found = self._offsets(topic, OffsetSpec.for_timestamp(time_ms), "read_uncommitted")
        return {partition: ends[partition] if offset < 0 else offset for partition, offset in found.items()}

    def end_offsets(self, topic: str, *, isolation: Isolation = "read_committed") -> dict[int, int]:
        """Return the offset after the last record of each partition."""
        return self._offsets(topic, OffsetSpec.latest(), isolation)

    def _offsets(self, topic: str, which: OffsetSpec, isolation: Isolation) -> dict[int, int]:
        deadline = clock.now_s() + ANSWER_S
        while True:
            try:
                found = self._metadata(topic)
                if found is None:
                    raise self._refused(f"topic {topic} cannot be read", "it does not exist for this user")
                return list_offsets(self._admin, topic, found.partitions, which, isolation, ANSWER_S)
            except (KafkaException, TimeoutError) as error:
                if not is_unsettled(error) or clock.now_s() > deadline:
                    raise self._refused(f"the offsets of topic {topic} cannot be read", error) from error
            clock.pause(0.05)

    def _refused(self, what: str, seen: object) -> HostError:
        return HostError(
            Problem(
                "FA455",
                what,
                where=self.bootstrap,
                seen=str(seen) or type(seen).__name__,
                next_step="see Kafka's documentation of this error, and the broker's log",
                detail=self.log_tail(15),
            )
        )
