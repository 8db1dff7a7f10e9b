"""An external Kafka: used by its address, never broken.

Only topics of this run are deleted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError

from flink_testbed.core import clock
from flink_testbed.core.clock import wait_until
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.kafka.security import KafkaSecurity
from flink_testbed.kafka.service import KafkaService
from flink_testbed.kafka.topic_names import topic_prefix

# At the end of librdkafka's errors.
_TIME_SPENT = re.compile(r" \(after \d+ms in state \w+\)$")


class RemoteKafka(KafkaService):
    """An external Kafka at ``bootstrap`` (``HOST:PORT``, separated by commas).

    ``security`` is how clients log in. A topic belongs to this run if it was created here or has a name of :func:`topic_name`.
    """

    def __init__(
        self, bootstrap: str, *, run_id: str, startup_timeout_s: float, security: KafkaSecurity | None = None
    ) -> None:
        super().__init__(run_id=run_id)
        self._security = security or KafkaSecurity()
        # The broker's own default: it knows how many brokers there are.
        self.replicas = -1
        self._bootstrap = bootstrap
        self._startup_timeout_s = startup_timeout_s
        self._created: set[str] = set()
        self._found = 0
        # The last error of a connection, and whether another attempt would end alike.
        self._refusal, self._is_final = "", False

    @property
    def bootstrap(self) -> str:
        """The address that the user has given."""
        return self._bootstrap

    @property
    def job_properties(self) -> Mapping[str, str]:
        """Protocol, login and certificates for a job's Java client."""
        return self._security.job

    def _client_config(self) -> dict[str, Any]:
        return {**super()._client_config(), **self._security.client, "error_cb": self._note_refusal}

    def _note_refusal(self, error: KafkaError) -> None:
        """Keep the reason of a failed connection; the error of the operation itself does not have it."""
        if not self._is_final and error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001  the client's own name
            self._refusal = _TIME_SPENT.sub("", error.str())
            self._is_final = error.code() in (KafkaError._AUTHENTICATION, KafkaError._SSL)  # noqa: SLF001

    @property
    def provided(self) -> str:
        """Address and number of brokers, in words for the report."""
        return f"remote Kafka at {self._bootstrap}, {self._found} broker(s)"

    def start(self) -> None:
        """Wait until a broker answers.

        Raises :class:`HostError` FA453 if none does, at once if it refuses the login or the certificates.
        """

        def probe() -> tuple[int | None, str]:
            found = self.live_brokers()
            # The client reports errors of connections only here.
            self._admin.poll(0)
            if found is None and self._is_final:
                raise HostError(
                    Problem(
                        "FA453",
                        "Kafka cannot be used with these settings",
                        where=self._bootstrap,
                        expected="a login and certificates that both sides accept",
                        seen=self._refusal,
                        next_step="correct the file of --kafka-properties",
                    )
                )
            return found, self._refusal or "no answer"

        started = clock.now_s()
        self._found = wait_until(
            probe,
            what=f"a Kafka broker at {self._bootstrap}",
            timeout_s=self._startup_timeout_s,
            code="FA453",
            next_step="check --kafka-bootstrap and --kafka-properties, and that this machine reaches the advertised address",
        )
        self.startup_s = clock.now_s() - started

    def close(self) -> None:
        """Delete this run's topics.

        Those that Kafka does not delete are in :attr:`left_topics`.
        """
        self.left_topics = self._delete_own()
        self._let_go()

    def _delete_own(self) -> dict[str, str]:
        if not self._created and self.live_brokers() is None:
            return {}
        try:
            there = self.topics()
        except HostError as error:
            return dict.fromkeys(self._created, error.problems[0].seen)
        refusals = {name: self._try_delete(name) for name in sorted(there) if self._is_own(name)}
        return {name: refusal for name, refusal in refusals.items() if refusal}

    def _try_delete(self, name: str) -> str:
        """Delete a topic; return Kafka's reason if it refuses."""
        try:
            self.delete_topic(name)
        except HostError as error:
            return error.problems[0].seen or error.problems[0].message
        return ""

    def _is_own(self, name: str) -> bool:
        return name in self._created or name.startswith(topic_prefix(self.run_id))

    def create_topic(self, name: str, *, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
        """Create a topic of this run.

        Retention is off: Kafka would delete records whose timestamps are a week old.
        """
        super().create_topic(name, partitions=partitions, config={"retention.ms": "-1", **(config or {})})
        self._created.add(name)

    def delete_topic(self, name: str) -> None:
        """Delete a topic of this run; raises :class:`HostError` FA440 for any other."""
        if not self._is_own(name):
            raise self._refused_act(
                f"topic {name} is not one of this run and is not deleted", f"one of run {self.run_id}"
            )
        super().delete_topic(name)
        self._created.discard(name)

    def kill_broker(self, number: int = 0) -> None:
        """Refuse, since an external broker must not be broken."""
        raise self._refused_act(f"broker {number} is external and is not killed", "a broker that this session started")

    def start_broker(self, number: int = 0) -> None:
        """Refuse, since an external broker must not be broken."""
        raise self._refused_act(f"broker {number} is external and is not started", "a broker that this session started")

    def _refused_act(self, message: str, expected: str) -> HostError:
        return HostError(Problem("FA440", message, where=self._bootstrap, expected=expected, seen="an external Kafka"))

    def require_alive(self) -> None:
        """Do nothing, since there is no process to look at."""

    def log_tail(self, lines: int = 40) -> str:
        """Return an empty string: the logs are out of reach."""
        return ""
