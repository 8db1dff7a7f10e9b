"""The session's Kafka: one that is named by its address, the one of the session's first process, or one of our own."""

from __future__ import annotations

import platform
import threading
from collections.abc import Callable
from pathlib import Path

from flink_testbed.artifacts.versions import FlinkLine, resolve_flink
from flink_testbed.core.directories import cache_root
from flink_testbed.core.ports import LOOPBACK
from flink_testbed.core.problem import HostError
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.cluster_broker import BrokerClient
from flink_testbed.kafka.embedded import EmbeddedKafka
from flink_testbed.kafka.home import provide_kafka
from flink_testbed.kafka.remote import RemoteKafka
from flink_testbed.kafka.service import KafkaService
from flink_testbed.ownership.detached import DetachedService, hold_detached
from flink_testbed.ownership.session_record import BROKERS, SOCKETS, TOPICS, own_record
from pytest_flink_agents.provision.job_parts import unwritable
from pytest_flink_agents.settings import Settings


class SessionKafka:
    """A Kafka that is started when first asked for, and ended with the session. One that cannot start is not tried again."""

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
        # The session's other processes ask through threads of this one.
        self._lock = threading.Lock()

    def running(self) -> KafkaService:
        """The Kafka, running. Raises the :class:`HostError` that its start has ended with, each time."""
        with self._lock:
            if self._error:
                raise self._error
            if self._service is None:
                self._service = self._start()
            service = self._service
        service.require_alive()
        return service

    def _start(self) -> KafkaService:
        try:
            kafka = self._chosen()
            kafka.start()
        except HostError as error:
            self._error = error
            raise
        except OSError as error:
            self._error = unwritable(error, "name another place with FLINK_AGENTS_TEST_CACHE_DIR")
            raise self._error from error
        return kafka

    def _chosen(self) -> KafkaService:
        named = self._settings.kafka_bootstrap
        if named:
            # Topics on a broker that outlives us: whoever cleans up after us looks for them there.
            own_record(self._run_id).note(TOPICS, named)
        if named or self._broker_client:
            bootstrap = named or self._broker_client.call("kafka_bootstrap")  # type: ignore[union-attr]  # one of them is there
            return RemoteKafka(bootstrap, run_id=self._run_id, startup_timeout_s=self._settings.startup_timeout_s)
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
        from flink_testbed.flink.image import default_base
        from flink_testbed.kafka.container import ContainerKafka
        from flink_testbed.kafka.image import provide_kafka_image
        from flink_testbed.ownership.container_owner import this_owner

        settings = self._settings
        owned = OwnedContainers(connect(), this_owner(self._run_id))
        own_record(self._run_id).note(SOCKETS, str(owned.sockets))
        try:
            image = settings.kafka_image
            if image:
                owned.engine.require_image(image, progress=self._progress)
            else:
                base = settings.flink_base_image or default_base(platform.python_version())
                image = provide_kafka_image(owned.engine, line, base=base, progress=self._progress)
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
        """See to it that jobs on a cluster reach the broker, if one was started: on a network of theirs, or at our loopback."""
        kafka = self._service
        if kafka:
            if cluster.network:
                kafka.join(cluster.network)
            for host, _, port in (address.rpartition(":") for address in kafka.bootstrap.split(",")):
                if host in ("localhost", LOOPBACK):
                    cluster.let_reach(int(port))

    def facts(self) -> dict[str, str]:
        """What it is and how long its start took; nothing where there is none, or where another process tells it."""
        kafka = self._service
        told_elsewhere = self._broker_client and not self._settings.kafka_bootstrap
        if not kafka or told_elsewhere:
            return {}
        return {"Kafka": f"{kafka.provided}, ready after {kafka.startup_s:.1f} s"}

    def leave(self) -> DetachedService | None:
        """Let a broker of this process outlive it; :meth:`close` then finds none."""
        kafka = self._service
        detached = kafka.detach() if kafka else None
        if kafka is None or detached is None:
            return None
        record = own_record(self._run_id)
        record.forget(BROKERS, str(self._directory.absolute()))
        if kafka.sockets:
            record.forget(SOCKETS, str(kafka.sockets))
        self._service = None
        return hold_detached(detached)

    def close(self) -> None:
        """End it."""
        if self._service:
            self._service.close()

    def left_topics(self) -> dict[str, str]:
        """After :meth:`close`: topics of ours that are still at somebody's Kafka -> why. A broker of ours took them along."""
        return dict(self._service.left_topics) if self._service else {}
