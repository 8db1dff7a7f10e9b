"""The running services of one test session: test environments, model server, effects ledger, Kafka.

Each starts on first use.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from flink_testbed.artifacts.versions import FlinkRelease
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.network import Passage
from flink_testbed.ownership.detached import DetachedService
from flink_testbed.ownership.session_record import SOCKETS, own_record
from pytest_flink_agents.provision.checkout import Checkout
from pytest_flink_agents.provision.cluster_name import cluster_named
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.provision.environment_key import EnvironmentKey
from pytest_flink_agents.provision.leaks import container_leaks, listening_leaks, recorded_leaks, topic_leaks
from pytest_flink_agents.provision.ledger import SessionLedger
from pytest_flink_agents.provision.variant import SESSION_CLUSTER, ClusterVariant
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import Tier

if TYPE_CHECKING:
    from flink_testbed.flink.cluster_broker import BrokerAddress, BrokerClient, BrokerServer
    from flink_testbed.kafka.service import KafkaService
    from flink_testbed.models.server import ModelServer
    from flink_testbed.network import Proxy
    from pytest_flink_agents.provision.kafka import SessionKafka


class Services:
    """The running parts of one test session.

    ``folder`` is the run folder and ``directory`` a directory of logs below it, or the same;
    ``progress`` gets one short line a step. With ``broker``, clusters and Kafka are the
    controller's.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        directory: Path,
        progress: Callable[[str], None],
        redactor: Redactor,
        broker: BrokerAddress | None = None,
        folder: Path | None = None,
    ) -> None:
        self.settings = settings
        self._broker_client = _client_of(broker) if broker else None
        self._broker_server: BrokerServer | None = None
        self.folder = folder or directory
        self.directory = directory
        self.progress = progress
        self.redactor = redactor
        # In the name or label of every job, topic and container of this session: machine and
        # clusters may be shared.
        self.run_id = secrets.token_hex(6)
        self._environments: dict[EnvironmentKey, TestEnvironment] = {}
        self._models: ModelServer | None = None
        self.ledger = SessionLedger(directory)
        self._kafka: SessionKafka | None = None
        # In the controller, each request of a pytest-xdist worker is served by a thread of its own.
        # Without the lock two of them would make the same part twice, and one of the two would
        # never be ended.
        self._lock = threading.Lock()
        # The cassettes that this session has written: later runs replay them.
        self.recorded: set[Path] = set()
        # Lines on processes, files, containers and topics that still existed after close().
        self.leaks: list[str] = []

    def environment(
        self,
        release: FlinkRelease,
        requirements: tuple[str, ...] = (),
        *,
        checkout: Checkout | None = None,
        flink_agents: str = "",
        python: str = "",
        apart: bool = False,
    ) -> TestEnvironment:
        """Return the test environment for a release, the project's requirements and a scenario's own.

        ``requirements`` may contain the project's already: a worker asks the controller for all of its own. With a
        ``checkout`` its jobs run the code of that commit, with ``flink_agents`` and ``python`` those versions; these and
        one that is ``apart`` have clusters of this process.
        """
        requirements = self.settings.with_requirements(requirements)
        if checkout is not None:
            requirements = tuple(checkout.requirement(line, self.settings.root) for line in requirements)
        own = checkout is not None or bool(flink_agents or python) or apart
        commit = checkout.commit if checkout else ""
        key = EnvironmentKey(release.version, requirements, commit, flink_agents, python, apart)
        with self._lock:
            if key not in self._environments:
                name = f"flink-{release.version}" + (
                    f"-{len(self._environments)}" if own or requirements != self.settings.requirements else ""
                )
                self._environments[key] = TestEnvironment(
                    self._settings_of(checkout, flink_agents),
                    release,
                    requirements,
                    run_id=self.run_id,
                    folder=self.folder,
                    directory=self.directory / name,
                    progress=self.progress,
                    broker_client=None if own else self._broker_client,
                    python=python,
                )
            return self._environments[key]

    def _settings_of(self, checkout: Checkout | None, flink_agents: str) -> Settings:
        settings = checkout.settings(self.settings) if checkout else self.settings
        # An environment that was given holds one release.
        return replace(settings, flink_agents=flink_agents, job_python=None) if flink_agents else settings

    def serve(self, address: BrokerAddress) -> None:
        """Serve this process's clusters and Kafka to pytest-xdist's workers.

        Each starts at the first request for it.
        """
        if self._broker_server is None:
            from flink_testbed.flink.cluster_broker import BrokerServer, ClusterBroker

            own_record(self.run_id).note(SOCKETS, str(Path(address.path).parent))
            self._broker_server = BrokerServer(
                address, ClusterBroker(self._usable_cluster, self._current_cluster, lambda: self.kafka.bootstrap)
            )

    def _usable_cluster(self, name: str) -> FlinkCluster:
        tier, release, requirements, variant = cluster_named(name)
        return self.environment(release, requirements).usable_cluster(tier, variant)

    def _current_cluster(self, name: str) -> FlinkCluster:
        tier, release, requirements, variant = cluster_named(name)
        return self.environment(release, requirements).own_cluster(tier, variant)

    @property
    def models(self) -> ModelServer:
        """The model server, listening."""
        if self._models is None:
            from flink_testbed.models.server import ModelServer

            server = ModelServer()
            server.start()
            self._models = server
        return self._models

    @contextlib.contextmanager
    def proxies(self, links: Collection[str], cluster: Callable[[], FlinkCluster]) -> Iterator[Mapping[str, Proxy]]:
        """Yield the proxies of these parts, for the duration of a block.

        That of ``taskmanager`` belongs to the cluster, the others stand between the jobs of one run and
        services that run. Raises ``HostError`` FA440 for a Kafka that tells its clients to go round a proxy.
        """
        proxies: dict[str, Proxy] = {}
        with contextlib.ExitStack() as stack:
            for link in sorted(links):
                proxy = cluster().rpc_proxy if link == "taskmanager" else stack.enter_context(self._proxy(link))
                if proxy:
                    proxies[link] = proxy
            yield proxies

    def _proxy(self, link: str) -> Proxy:
        from flink_testbed.network import Proxy

        return Proxy(self._passages(link))

    def _passages(self, link: str) -> Sequence[Passage]:
        if link == "kafka":
            from pytest_flink_agents.provision.kafka import passages_of

            return passages_of(self.kafka)
        port = self.models.port if link == "llm" else self.ledger.port
        assert port is not None, "a scenario with a fault of its endpoints has endpoints"
        return (Passage(port),)

    def let_services_be_reached(
        self,
        environment: TestEnvironment,
        tier: Tier,
        variant: ClusterVariant = SESSION_CLUSTER,
        proxies: Collection[Proxy] = (),
    ) -> None:
        """Make the running model server, ledger, Kafka and proxies reachable for a tier's jobs."""
        if tier is not Tier.LOCAL:
            cluster = environment.cluster(tier, variant)
            for proxy in proxies:
                for port in proxy.ports.values():
                    cluster.let_reach(port)
            if self._models:
                cluster.let_reach(self._models.port)
            if self.ledger.port is not None:
                cluster.let_reach(self.ledger.port)
            if self._kafka:
                self._kafka.let_be_reached(cluster)

    def provide_kafka(self, environment: TestEnvironment) -> None:
        """Start Kafka and fetch the connector for the environment's Flink.

        Raises ``HostError`` if either fails.
        """
        environment.provide_connector()
        self.kafka.require_alive()

    @property
    def kafka(self) -> KafkaService:
        """The session's Kafka, running."""
        from pytest_flink_agents.provision.kafka import SessionKafka

        with self._lock:
            if self._kafka is None:
                self._kafka = SessionKafka(
                    self.settings,
                    run_id=self.run_id,
                    directory=self.directory / "kafka",
                    progress=self.progress,
                    broker_client=self._broker_client,
                )
        return self._kafka.running()

    def facts(self) -> dict[str, str]:
        """Return the versions of everything that the session ran on."""
        facts: dict[str, str] = {}
        for key, environment in self._environments.items():
            text = key.text(self.settings.requirements)
            facts |= {f"{text} {name}": value for name, value in environment.facts().items()}
        return facts | (self._kafka.facts() if self._kafka else {})

    def digests(self) -> dict[str, str]:
        """Return the digests of the packages, engines, jars and commits that the session used, by name."""
        digests: dict[str, str] = {}
        for key, environment in self._environments.items():
            used = environment.digests()
            if used and key.commit:
                used["code"] = key.commit
            digests |= {f"{key.text(self.settings.requirements)} {name}": one for name, one in used.items()}
        return digests

    def detach(self) -> list[DetachedService]:
        """Let the clusters and the broker that this process started outlive it."""
        detached = [one for environment in self._environments.values() for one in environment.detach_clusters()]
        broker = self._kafka.detach() if self._kafka else None
        return [*detached, broker] if broker else detached

    def close(self) -> None:
        """End everything, then look for leaks.

        A part that fails to end does not keep the others from ending.

        Parts end in the opposite order of the callbacks: jobs and clusters first, then Kafka and
        the model server and the ledger that they use, and last the server that workers ask for clusters. The
        session's record is removed only if nothing was left, so that a later sweep can end what
        this process could not.
        """
        ports = {"model server": self._models.port} if self._models else {}
        kafka = self._kafka
        in_containers = Tier.CONTAINER in self.settings.tiers or bool(self.settings.kafka_image)
        with contextlib.ExitStack() as stack:
            if self._broker_server:
                stack.callback(self._broker_server.close)
            if self._models:
                stack.callback(self._models.stop)
            stack.callback(self.ledger.close)
            if self._kafka:
                stack.callback(self._kafka.close)
            for environment in self._environments.values():
                stack.callback(environment.close)
        self._environments = {}
        self._models = self._broker_server = self._kafka = None
        self.leaks += [*listening_leaks(ports, self.run_id), *recorded_leaks(self.run_id)]
        self.leaks += container_leaks(self.run_id) if in_containers else ()
        self.leaks += topic_leaks(kafka.left_topics(), self.settings.kafka_bootstrap, self.run_id) if kafka else ()
        if not self.leaks:
            own_record(self.run_id).close()


def _client_of(address: BrokerAddress) -> BrokerClient:
    # Imported here: only workers of pytest-xdist have one.
    from flink_testbed.flink.cluster_broker import BrokerClient

    return BrokerClient(address)
