"""The session's Kafka.

It is an external broker, the controller's broker, or one that this process starts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from flink_testbed.artifacts.versions import FlinkLine, resolve_flink
from flink_testbed.core.directories import cache_root
from flink_testbed.core.ports import LOOPBACK
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.cluster_broker import BrokerClient
from flink_testbed.kafka.embedded import EmbeddedKafka
from flink_testbed.kafka.home import provide_kafka
from flink_testbed.kafka.remote import RemoteKafka
from flink_testbed.kafka.service import KafkaService
from flink_testbed.network import Passage
from flink_testbed.ownership.detached import DetachedService, hold_detached
from flink_testbed.ownership.session_record import BROKERS, SOCKETS, TOPICS, own_record
from pytest_flink_agents.provision.unwritable import unwritable
from pytest_flink_agents.settings import Settings


class SessionKafka:
    """A broker that starts on first use and ends with the session.

    A broker that cannot start is not tried again: every later scenario gets the first error at
    once.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        run_id: str,
        directory: Path,
        progress: Callable[[str], None],
        broker_client: BrokerClient | None,
    ) -> None:
        self._settings = settings
        self._run_id = run_id
        self._directory = directory
        self._progress = progress
        self._broker_client = broker_client
        self._service: KafkaService | None = None
        self._error: HostError | None = None
        # In the controller, each request of a worker is served by a thread of its own.
        self._lock = threading.Lock()

    def running(self) -> KafkaService:
        """Return the running broker.

        Raises the ``HostError`` of its failed start again on every call.
        """
        with self._lock:
            if self._error:
                raise self._error
            if self._service is None:
                self._service = self._start()
            service = self._service
        # Outside the lock: the probe may wait for the broker, and close() must not wait for the
        # probe.
        service.require_alive()
        return service

    def _start(self) -> KafkaService:
        try:
            kafka = self._choose()
            kafka.start()
        except HostError as error:
            self._error = error
            raise
        except OSError as error:
            self._error = unwritable(error, "name another place with FLINK_AGENTS_TEST_CACHE_DIR")
            raise self._error from error
        return kafka

    def _choose(self) -> KafkaService:
        """Return the broker of this process, not started yet.

        Each kind is entered in the session's record before the broker starts: if this process is
        killed after that, a sweep knows where to look.
        """
        named = self._settings.kafka_bootstrap
        if named:
            # An external broker outlives this session, so a sweep must know which broker to search
            # for topics.
            own_record(self._run_id).note(TOPICS, named)
        if named or self._broker_client:
            bootstrap = named or self._broker_client.call("kafka_bootstrap")  # type: ignore[union-attr]  # without an address there is a client
            return RemoteKafka(
                bootstrap,
                run_id=self._run_id,
                startup_timeout_s=self._settings.startup_timeout_s,
                security=self._settings.kafka_security if named else None,
            )
        line = resolve_flink(self._settings.flink_versions[0]).line
        if self._settings.kafka_image or self._settings.jobs_in_containers:
            return self._in_container(line)
        own_record(self._run_id).note(BROKERS, str(self._directory.absolute()))
        return EmbeddedKafka(
            provide_kafka(line, progress=self._progress),
            directory=self._directory,
            ports=cache_root() / "ports",
            archives=cache_root() / "class-archives",
            run_id=self._run_id,
            startup_timeout_s=self._settings.startup_timeout_s,
            progress=self._progress,
        )

    def _in_container(self, line: FlinkLine) -> KafkaService:
        from flink_testbed.containers.engine import connect
        from flink_testbed.containers.owned import OwnedContainers
        from flink_testbed.kafka.container import ContainerKafka
        from flink_testbed.kafka.image import require_kafka_image
        from flink_testbed.ownership.container_owner import this_owner

        settings = self._settings
        owned = OwnedContainers(connect(), this_owner(self._run_id))
        own_record(self._run_id).note(SOCKETS, str(owned.sockets))
        try:
            image = require_kafka_image(
                owned.engine,
                line,
                image=settings.kafka_image,
                base=settings.flink_base_image,
                progress=self._progress,
            )
        except BaseException:
            owned.close()
            raise
        return ContainerKafka(
            owned,
            image,
            jobs_inside=settings.jobs_in_containers,
            directory=self._directory,
            ports=cache_root() / "ports",
            run_id=self._run_id,
            startup_timeout_s=settings.startup_timeout_s,
            progress=self._progress,
        )

    def let_be_reached(self, cluster: FlinkCluster) -> None:
        """Make the broker, if there is one, reachable for a cluster's jobs.

        A broker in a container joins the cluster's network; a broker on this machine's loopback is
        forwarded.
        """
        kafka = self._service
        if kafka:
            if cluster.network:
                kafka.join(cluster.network)
            for host, _, port in (address.rpartition(":") for address in kafka.bootstrap.split(",")):
                if host in ("localhost", LOOPBACK):
                    cluster.let_reach(int(port))

    def facts(self) -> dict[str, str]:
        """Return the broker's version and startup time for the report.

        Empty if no broker was used, or if it is the controller's, which reports it.
        """
        kafka = self._service
        is_controllers = self._broker_client and not self._settings.kafka_bootstrap
        if not kafka or is_controllers:
            return {}
        return {"Kafka": f"{kafka.provided}, ready after {kafka.startup_s:.1f} s"}

    def detach(self) -> DetachedService | None:
        """Let a broker that this process started outlive it."""
        kafka = self._service
        detached = kafka.detach() if kafka else None
        if kafka is None or detached is None:
            return None
        # First a holder, then out of this session's record: without either nothing would delete the
        # broker's files, and without a holder close() must still end it.
        held = hold_detached(detached)
        record = own_record(self._run_id)
        record.forget(BROKERS, str(self._directory.absolute()))
        if kafka.sockets:
            record.forget(SOCKETS, str(kafka.sockets))
        self._service = None
        return held

    def close(self) -> None:
        """End the broker, or disconnect from it, and delete the session's topics."""
        if self._service:
            self._service.close()

    def left_topics(self) -> dict[str, str]:
        """Return the topics that could not be deleted, with the reasons.

        Valid after :meth:`close`, for an external broker: a broker of this session takes its topics
        along.
        """
        return dict(self._service.left_topics) if self._service else {}


def passages_of(kafka: KafkaService) -> Sequence[Passage]:
    """Return the ways through which jobs reach a broker.

    Raises ``HostError`` FA440 for a broker whose clients bypass a proxy.
    """
    if kafka.passages:
        return kafka.passages
    raise HostError(
        Problem(
            "FA440",
            "the network between the job and this Kafka cannot be disturbed",
            where=kafka.bootstrap,
            expected="an embedded broker of this process, which sends its clients to a proxy",
            seen=kafka.provided,
            next_step="run the scenario on the embedded tier, without --kafka-bootstrap, --kafka-image and -n",
        )
    )
