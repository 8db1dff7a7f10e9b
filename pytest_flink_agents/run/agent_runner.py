"""The object behind the fixture ``agent_runner``: run an agent from a Python test and get the evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from flink_testbed.artifacts.versions import FlinkRelease
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.report.evidence_file import write_evidence
from pytest_flink_agents.run.channel import Channel, FileChannel, MemoryChannel, TopicChannel
from pytest_flink_agents.run.execute import execute
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.records import AgentRecords, Inputs
from pytest_flink_agents.run.subject import AgentSubject
from pytest_flink_agents.run.timeline import Step
from pytest_flink_agents.run.watch.logs import wrong_in_logs
from pytest_flink_agents.vocabulary import Tier

_NAME_CHARACTERS = 120


class AgentRunner:
    """Runs agents on one tier. The evidence of each run is also kept below ``folder``."""

    def __init__(self, services: Services, release: FlinkRelease, tier: Tier, folder: Path) -> None:
        self.tier = tier
        self._services = services
        self._release = release
        self._folder = folder
        self._runs = 0
        self._evidence: list[Evidence] = []

    def run(
        self,
        agent: str | Mapping[str, str],
        inputs: Iterable[tuple[Any, Any]],
        *,
        config: Mapping[str, Any] | None = None,
        resources: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        within_s: float = 60.0,
        delivery: Literal["exactly_once", "at_least_once"] | None = None,
        timeline: Sequence[Step] = (),
    ) -> Evidence:
        """Run an agent to the end of its inputs.

        ``agent`` is ``"package.module:Class"``, ``{"yaml": path, "name": name}`` or ``{"plan": path}``; ``inputs`` are
        pairs of key and value, both JSON; ``config`` are flink-agents options; ``resources`` are sections of upstream's
        YAML, which replace the agent's own of the same name. With ``delivery``, inputs and outputs go through Kafka on
        Flink. ``timeline`` is what happens to the job on purpose; only tiers with Flink have one.

        The failure of an agent, and a missed deadline, are part of the evidence. Raises ``AgentRefusedError`` for an agent
        that cannot be built, ``HostError`` for what is the environment's fault.
        """
        self._runs += 1
        directory = self._folder / f"run-{self._runs}"
        directory.mkdir(parents=True, exist_ok=True)
        settings, environment = self._services.settings, self._services.environment(self._release)
        environment.provide(self.tier)
        records = [{"key": key, "value": value} for key, value in inputs]
        channel = self._channel(records, directory, environment, delivery)
        self._services.let_services_be_reached(environment, self.tier)
        subject = AgentSubject(
            name=f"{self._label}, run {self._runs}"[:_NAME_CHARACTERS],
            spec={"agent": agent, "resources": dict(resources or {})},
            config=dict(config or {}),
            parallelism=settings.parallelism,
            seed=settings.scenario_seed if self.tier is Tier.LOCAL else None,
        )
        evidence = execute(subject, channel, Place(environment, self.tier, directory), timeline, within_s)
        self._evidence.append(evidence)
        write_evidence(directory, evidence, (), self._services.redactor)
        return evidence

    @property
    def _label(self) -> str:
        return self._folder.parent.name

    def _channel(self, inputs: Inputs, directory: Path, environment: TestEnvironment, delivery: str | None) -> Channel:
        if self.tier is Tier.LOCAL:
            return MemoryChannel(inputs)
        if delivery is None:
            return FileChannel(inputs, directory, AgentRecords())
        kafka, connector = self._services.kafka, environment.connector
        return TopicChannel(inputs, kafka, connector, AgentRecords(), label=self._label, guarantee=delivery)

    def wrong_in_logs(self, allow: Sequence[str]) -> list[str]:
        """Return the errors logged in all runs that neither ``allow`` (patterns) nor a job's own failure explains."""
        return [line for evidence in self._evidence for line in wrong_in_logs(evidence, allow, self._services.redactor)]
