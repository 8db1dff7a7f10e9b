"""Somebody else's Kafka, by its address: used, never broken; only topics of ours are deleted."""

from __future__ import annotations

from collections.abc import Mapping

from flink_testbed.core import clock
from flink_testbed.core.clock import wait_until
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.kafka.service import KafkaService, topic_prefix


class RemoteKafka(KafkaService):
    """A Kafka at ``bootstrap`` (``HOST:PORT``, several with commas between), which was there before us.

    A topic is ours if it was made here, or if its name says so (:func:`topic_name`).
    """

    def __init__(self, bootstrap: str, *, run_id: str, startup_timeout_s: float) -> None:
        super().__init__(run_id=run_id)
        # As the broker has it set: it knows how many of them there are.
        self.replicas = -1
        self._bootstrap = bootstrap
        self._startup_timeout_s = startup_timeout_s
        self._ours: set[str] = set()
        self._found = 0

    @property
    def bootstrap(self) -> str:
        """Where it answers."""
        return self._bootstrap

    @property
    def provided(self) -> str:
        """Where it is, and how many brokers it has."""
        return f"remote Kafka at {self._bootstrap}, {self._found} broker(s)"

    def start(self) -> None:
        """See that a broker answers."""
        started = clock.now_s()
        self._found = wait_until(
            lambda: (self.live_brokers(), "no answer"),
            what=f"a Kafka broker at {self._bootstrap}",
            timeout_s=self._startup_timeout_s,
            code="FA453",
            next_step="check --kafka-bootstrap, and that the broker's advertised address can be reached from here",
        )
        self.startup_s = clock.now_s() - started

    def close(self) -> None:
        """Delete this run's topics; those that Kafka does not delete are in :attr:`left_topics`."""
        self.left_topics = self._delete_ours()
        self._let_go()

    def _delete_ours(self) -> dict[str, str]:
        if not self._ours and self.live_brokers() is None:
            return {}
        try:
            there = self.topics()
        except HostError as error:
            return dict.fromkeys(self._ours, error.problems[0].seen)
        refusals = {name: self._refusal(name) for name in sorted(there) if self._is_ours(name)}
        return {name: refusal for name, refusal in refusals.items() if refusal}

    def _refusal(self, name: str) -> str:
        """Why a topic cannot be deleted; empty once it is."""
        try:
            self.delete_topic(name)
        except HostError as error:
            return error.problems[0].seen or error.problems[0].message
        return ""

    def _is_ours(self, name: str) -> bool:
        return name in self._ours or name.startswith(topic_prefix(self.run_id))

    def create_topic(self, name: str, *, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
        """Make a topic, and remember that it is ours. Its records are kept as long as it, whatever their times."""
        super().create_topic(name, partitions=partitions, config={"retention.ms": "-1", **(config or {})})
        self._ours.add(name)

    def delete_topic(self, name: str) -> None:
        """Delete a topic of ours; any other is refused."""
        if not self._is_ours(name):
            raise self._not_ours(f"topic {name} is not ours to delete", f"one of run {self.run_id}")
        super().delete_topic(name)
        self._ours.discard(name)

    def kill_broker(self, number: int = 0) -> None:
        """Refused: it is not ours."""
        raise self._not_ours(f"broker {number} is not ours to kill", "a broker that this session started")

    def start_broker(self, number: int = 0) -> None:
        """Refused: it is not ours."""
        raise self._not_ours(f"broker {number} is not ours to start", "a broker that this session started")

    def _not_ours(self, message: str, expected: str) -> HostError:
        return HostError(
            Problem("FA440", message, where=self._bootstrap, expected=expected, seen="a Kafka named by its address")
        )

    def require_alive(self) -> None:
        """Nothing here is a process of ours: each operation finds out by itself."""

    def log_tail(self, lines: int = 40) -> str:
        """Out of reach."""
        return ""
