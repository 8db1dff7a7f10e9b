"""Runs that tests describe as one value: an agent or a job, its inputs and its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flink_testbed.kafka.service import KafkaService
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.provision.flink_setup import FlinkSetup
from pytest_flink_agents.run.channel import Channel, FileChannel, MemoryChannel
from pytest_flink_agents.run.conversation import Conversation, Turn
from pytest_flink_agents.run.execute import execute
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.records import AgentRecords, JobRecords
from pytest_flink_agents.run.subject import AgentSubject, AllowedNetwork, JobSubject, Subject
from pytest_flink_agents.run.timeline import AtStart, StartFromSavepoint, Step
from pytest_flink_agents.run.topic_channel import TopicChannel
from pytest_flink_agents.vocabulary import Tier


@dataclass(frozen=True, slots=True)
class AgentRun:
    """A run of an agent. ``directory`` (existing) takes its files; without a ``channel`` it reads and writes files there."""

    name: str
    agent_spec: Mapping[str, Any]
    config: Mapping[str, Any]
    inputs: Sequence[Mapping[str, Any]]
    within_s: float
    directory: Path
    parallelism: int = 1
    seed: int | None = None
    savepoint: str = ""
    channel: Channel | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    network: AllowedNetwork | None = None
    setup: FlinkSetup = field(default_factory=FlinkSetup)
    steps: Sequence[Step] = ()

    def subject(self) -> Subject:
        """Return the agent."""
        return AgentSubject(
            self.name,
            self.agent_spec,
            self.config,
            self.environment,
            parallelism=self.parallelism,
            seed=self.seed,
            network=self.network,
        )

    def channel_on(self, tier: Tier) -> Channel:
        """Return the channel of the run on a tier."""
        if self.channel:
            return self.channel
        return MemoryChannel(self.inputs) if tier is Tier.LOCAL else self.files()

    def files(self) -> FileChannel:
        """Return a channel through files of the run's directory."""
        return FileChannel(self.inputs, self.directory, AgentRecords())

    def timeline(self) -> list[Step]:
        """Return the start from the savepoint, if one is given, and the other steps."""
        start = [Step(AtStart(), StartFromSavepoint(self.savepoint))] if self.savepoint else []
        return [*start, *self.steps]


@dataclass(frozen=True, slots=True)
class JobRun:
    """A run of a program. Its files are in ``directory`` (existing), like its inputs and outputs without a ``channel``."""

    file: Path
    args: tuple[str, ...]
    main_class: str
    environment: Mapping[str, str]
    inputs: Sequence[Mapping[str, Any]]
    within_s: float
    directory: Path
    parallelism: int = 1
    channel: Channel | None = None
    expected_outputs: int | None = None
    setup: FlinkSetup = field(default_factory=FlinkSetup)
    network: AllowedNetwork | None = None

    def subject(self) -> Subject:
        """Return the job."""
        return JobSubject(
            self.file,
            self.args,
            self.main_class,
            self.environment,
            self.parallelism,
            self.expected_outputs,
            self.network,
        )

    def channel_on(self, tier: Tier) -> Channel:
        """Return the channel of the run."""
        return self.channel or job_files(self.directory, self.inputs)

    def timeline(self) -> list[Step]:
        """Return no step."""
        return []


def job_files(directory: Path, inputs: Sequence[Mapping[str, Any]] = ()) -> FileChannel:
    """Return the channel of a job through files below ``directory``; its ``values`` name them."""
    return FileChannel(inputs, directory, JobRecords())


def run(planned: AgentRun | JobRun, environment: TestEnvironment, tier: Tier = Tier.EMBEDDED) -> Evidence:
    """Provision the tier and execute the run there."""
    environment.provide(tier, submits_agents=isinstance(planned, AgentRun), variant=planned.setup.variant)
    planned.directory.mkdir(parents=True, exist_ok=True)
    place = Place(environment, tier, planned.directory, planned.setup)
    return execute(planned.subject(), planned.channel_on(tier), place, planned.timeline(), planned.within_s)


def through_topics(
    planned: AgentRun,
    kafka: KafkaService,
    environment: TestEnvironment,
    label: str,
    turns: Mapping[int, Turn] | None = None,
) -> AgentRun:
    """Return the run with a channel through topics. The inputs of ``turns`` wait for outputs."""
    return replace(planned, channel=agent_topics(planned.inputs, kafka, environment, label, turns))


def agent_topics(
    inputs: Sequence[Mapping[str, Any]],
    kafka: KafkaService,
    environment: TestEnvironment,
    label: str,
    turns: Mapping[int, Turn] | None = None,
) -> TopicChannel:
    """Return a channel through topics for an agent. The inputs of ``turns`` wait for outputs."""
    held = Conversation(inputs, turns) if turns else None
    return TopicChannel(inputs, kafka, environment.connector, AgentRecords(), label=label, conversation=held)


def job_topics(
    inputs: Sequence[Mapping[str, Any]], kafka: KafkaService, environment: TestEnvironment, label: str
) -> TopicChannel:
    """Return a channel through topics for a job of the user's own."""
    return TopicChannel(inputs, kafka, environment.connector, JobRecords(), label=label)
