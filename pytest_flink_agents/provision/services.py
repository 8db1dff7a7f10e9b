"""Everything that runs during one test session: workplaces, the model server, the run folder. Made when first needed."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from flink_testbed.artifacts.versions import FlinkRelease, resolve_flink
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.cluster_broker import BrokerAddress, BrokerClient, BrokerServer, ClusterBroker
from flink_testbed.models.server import ModelServer
from flink_testbed.ownership.detached import DetachedService
from flink_testbed.ownership.session_record import SOCKETS, own_record
from pytest_flink_agents.checks.finding import CheckResult
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.provision.environment import Workplace
from pytest_flink_agents.provision.leaks import container_leaks, listening_leaks, recorded_leaks, topic_leaks
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.json_files import write_json
from pytest_flink_agents.settings import Settings

if TYPE_CHECKING:
    from flink_testbed.kafka.service import KafkaService
    from pytest_flink_agents.provision.kafka import SessionKafka


class RunSession:
    """The running parts of one test session.

    ``directory`` takes the logs, below the run folder, which is ``folder`` (default: itself); ``progress`` gets one short
    line a step.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        directory: Path,
        progress: Callable[[str], None],
        redactor: Redactor,
        broker_address: BrokerAddress | None = None,
        folder: Path | None = None,
    ) -> None:
        self.settings = settings
        self._broker_client = BrokerClient(broker_address) if broker_address else None
        self._broker_server: BrokerServer | None = None
        self.folder = folder or directory
        self.directory = directory
        self._progress = progress
        self.redactor = redactor
        # What our jobs and containers carry, on machines and clusters that others use too.
        self.run_id = secrets.token_hex(6)
        self._workplaces: dict[tuple[str, tuple[str, ...]], Workplace] = {}
        self._models: ModelServer | None = None
        self._kafka: SessionKafka | None = None
        # The session's other processes ask, too, each through a thread of this one.
        self._making = threading.Lock()
        # What was found still there when everything had been closed.
        self.leaks: list[str] = []

    def workplace(self, release: FlinkRelease, requirements: tuple[str, ...] = ()) -> Workplace:
        """The workplace for a Flink release and a list of requirements."""
        key = (release.version, requirements)
        with self._making:
            if key not in self._workplaces:
                name = f"flink-{release.version}" + (f"-{len(self._workplaces)}" if requirements else "")
                self._workplaces[key] = Workplace(
                    self.settings,
                    release,
                    requirements,
                    run_id=self.run_id,
                    folder=self.folder,
                    directory=self.directory / name,
                    progress=self._progress,
                    broker_client=self._broker_client,
                )
            return self._workplaces[key]

    def serve(self, address: BrokerAddress) -> None:
        """Give this process's clusters to the session's other processes, each started when one first asks."""
        if self._broker_server is None:
            own_record(self.run_id).note(SOCKETS, str(Path(address.path).parent))
            self._broker_server = BrokerServer(
                address, ClusterBroker(self._named_cluster, lambda: self.kafka.bootstrap)
            )

    def _named_cluster(self, name: str) -> FlinkCluster:
        tier, version, *requirements = json.loads(name)
        return self.workplace(resolve_flink(version), tuple(requirements)).own_cluster(tier)

    @property
    def models(self) -> ModelServer:
        """The model server, listening."""
        if self._models is None:
            server = ModelServer()
            server.start()
            self._models = server
        return self._models

    def let_services_be_reached(self, workplace: Workplace, tier: str) -> None:
        """See to it that jobs on a tier reach the model server and Kafka, as far as they were started."""
        if tier != "local":
            cluster = workplace.cluster(tier)
            if self._models:
                cluster.let_reach(self._models.port)
            if self._kafka:
                self._kafka.let_be_reached(cluster)

    @property
    def kafka(self) -> KafkaService:
        """The session's Kafka, running."""
        from pytest_flink_agents.provision.kafka import SessionKafka

        with self._making:
            if self._kafka is None:
                self._kafka = SessionKafka(
                    self.settings,
                    run_id=self.run_id,
                    directory=self.directory / "kafka",
                    progress=self._progress,
                    broker_client=self._broker_client,
                )
        return self._kafka.running()

    def write_evidence(self, folder: Path, evidence: Evidence, results: tuple[CheckResult, ...]) -> None:
        """Everything seen of one run, as one file."""
        data = {"evidence": dataclasses.asdict(evidence), "checks": [dataclasses.asdict(result) for result in results]}
        write_json(folder / "evidence.json", data, self.redactor)

    def facts(self) -> dict[str, str]:
        """What the session ran on, in words."""
        facts: dict[str, str] = {}
        for workplace in self._workplaces.values():
            facts |= {f"{workplace.release.version} {name}": value for name, value in workplace.facts().items()}
        return facts | (self._kafka.facts() if self._kafka else {})

    def leave_running(self) -> list[DetachedService]:
        """Let the clusters and the broker that this process has started outlive it."""
        left = [kept for workplace in self._workplaces.values() for kept in workplace.leave_clusters()]
        broker = self._kafka.leave() if self._kafka else None
        return [*left, broker] if broker else left

    def close(self) -> None:
        """End everything, last first; one failure does not keep the next from ending. Then look for what is left."""
        ports = {"model server": self._models.port} if self._models else {}
        kafka = self._kafka
        in_containers = "container" in self.settings.tiers or bool(self.settings.kafka_image)
        with contextlib.ExitStack() as stack:
            if self._broker_server:
                stack.callback(self._broker_server.close)
            if self._models:
                stack.callback(self._models.stop)
            if self._kafka:
                stack.callback(self._kafka.close)
            for workplace in self._workplaces.values():
                stack.callback(workplace.close)
        self._workplaces = {}
        self._models = self._broker_server = self._kafka = None
        self.leaks += [*listening_leaks(ports, self.run_id), *recorded_leaks(self.run_id)]
        self.leaks += container_leaks(self.run_id) if in_containers else ()
        self.leaks += topic_leaks(kafka.left_topics(), self.settings.kafka_bootstrap, self.run_id) if kafka else ()
        if not self.leaks:
            own_record(self.run_id).close()
