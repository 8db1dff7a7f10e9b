"""The words of a scenario.

Values are frozen and strict: no string becomes a number, no number a string, and durations become
seconds. Words of the language that this version does not support are listed in ``not_yet`` of their
mapping, so that they are not reported as mistyped.
Must never import: yaml, pytest, anything that starts something.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from pytest_flink_agents.scenario.comparison import Compare
from pytest_flink_agents.scenario.counted_answers import counted_answer
from pytest_flink_agents.scenario.effects import AnyEffect
from pytest_flink_agents.scenario.expectations import Expect, ExpectFail
from pytest_flink_agents.scenario.faults import Fault, Faults, Link, timetable
from pytest_flink_agents.scenario.input_forms import InlineInput, Input
from pytest_flink_agents.scenario.llm import LlmSettings
from pytest_flink_agents.scenario.mapping import Items, LanguageMapping, SomeItems
from pytest_flink_agents.scenario.network import Network, allowed_addresses
from pytest_flink_agents.scenario.placeholders import KAFKA_NAMES, names_in
from pytest_flink_agents.scenario.subjects import Agent, JarJob, Job, Requirements, needs_jvm
from pytest_flink_agents.scenario.upgrade import Upgrade
from pytest_flink_agents.scenario.variation import Matrix, Repeat, ScrubText
from pytest_flink_agents.scenario.words import (
    Duration,
    EnvironmentName,
    EnvironmentText,
    FlinkVersions,
    Name,
    NotEmpty,
    flink_versions,
    quoted_version,
    wrong,
)

Tier = Literal["local", "embedded", "container", "remote"]
Section = Items[dict[str, Any]]


class Resources(LanguageMapping):
    """Resources of the execution environment, in the sections of flink-agents' YAML."""

    chat_model_connections: Section = ()
    chat_model_setups: Section = ()
    embedding_model_connections: Section = ()
    embedding_model_setups: Section = ()
    vector_stores: Section = ()
    prompts: Section = ()
    tools: Section = ()
    skills: Section = ()
    mcp_servers: Section = ()

    def sections(self) -> dict[str, list[dict[str, Any]]]:
        """Return the sections that are not empty as plain data, placeholders included."""
        return {name: list(section) for name, section in self if section}


class ScenarioFields(LanguageMapping):
    """The words of a scenario, each valid by itself, and what follows from them."""

    version: Annotated[Literal["1"], BeforeValidator(quoted_version)] = Field(
        description='version of the language: "1"'
    )
    name: Name = Field(description="name in test ids and reports; one line, unique in its file")
    description: str = Field("", description="purpose of the scenario, for the report")
    tags: Items[NotEmpty] = Field((), description="words that select scenarios by -m and -k")
    severity: Literal["block", "warn", "info"] = Field("block", description="effect of a failure on the verdict")
    requirement: NotEmpty | None = Field(
        None, description="requirement that it verifies, like REQ-17; part of the report"
    )
    owner: NotEmpty | None = Field(None, description="team or person responsible for it")
    agent: Agent | None = Field(
        None, description="the agent: package.module:Class, {yaml, name}, {plan} or {jar, class}"
    )
    job: Job | None = Field(None, description="instead of an agent, a job of the team, submitted by `flink run`")
    requirements: Requirements | None = Field(None, description="requirements of the job environment: a file or a list")
    resources: Resources = Field(Resources(), description="resources that replace or add to those of the agent")
    tiers: SomeItems[Tier] | None = Field(None, description="tiers that it runs on; default: all enabled ones")
    flink: FlinkVersions | None = Field(
        None, description='Flink versions that it applies to, quoted: ">=1.20.3" or "2.2"'
    )
    environment: dict[EnvironmentName, EnvironmentText] = Field(
        default_factory=dict, description="environment variables of the agent's process, by name"
    )
    network: Network | None = Field(
        None,
        description="addresses that the agent may reach beside loopback: closed (none; the default with llm or effects), "
        "open (all; the default otherwise), or a list of host:port",
    )
    config: dict[str, Any] = Field(default_factory=dict, description="options of flink-agents")
    config_extra: bool = Field(False, description="allow options that neither flink-agents nor Flink declares")
    config_file: NotEmpty | None = Field(
        None, description="the Flink configuration that will be deployed, relative to the scenario file"
    )
    flink_config: dict[str, Any] = Field(
        default_factory=dict, description="options of Flink, which win over those of config_file"
    )
    llm: LlmSettings | None = Field(None, description="the model's answers: scripted, recorded, or of a real model")
    effects: SomeItems[AnyEffect] | None = Field(
        None, description="endpoints and MCP tools that the agent calls; each call is recorded before it is answered"
    )
    inputs: SomeItems[Input] = Field(description="the inputs, in order")
    faults: Faults | None = Field(None, description="what is broken on purpose while the job runs on Flink")
    always_replay: bool | None = Field(
        None,
        description="run each input again from every point at which its process could have died, and compare with the "
        "undisturbed run (needs `tiers: [local, embedded, container]` or some of them); default: what --flink-always-replay says",
    )
    upgrade: Upgrade | None = Field(
        None, description="another version of the agent or job that runs before; it starts from its savepoint on Flink"
    )
    compare: Compare | None = Field(
        None, description="another run of the same inputs, by another version or on another tier, and what may differ"
    )
    expect: Expect = Field(description="the expectations")
    within: Duration = Field(60.0, description="time limit of the run, like 500ms, 2s, 1m")
    scrub: Items[ScrubText] = Field(
        (), description="what is removed from outputs before they are compared: a key everywhere, or a path from $"
    )
    include: Items[NotEmpty] = Field(
        (), description="files with words of the scenario, relative to its file; its own words win"
    )
    matrix: Matrix = Field(
        default_factory=dict, description="values of ${matrix.NAME}; every combination is a scenario of its own"
    )
    repeat: Repeat | None = Field(None, description="several runs, and how many of them must pass; default: one run")
    expect_fail: ExpectFail | None = Field(None, description="a known failure that does not count until a date")

    @field_validator("tiers", "tags")
    @classmethod
    def _each_once(cls, words: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if words and len(set(words)) != len(words):
            raise wrong("each word once")
        return words

    @property
    def has_java_agent(self) -> bool:
        """True if the agent needs a JVM: it is written in Java, or its plan comes with a jar."""
        return self.agent is not None and needs_jvm(self.agent)

    @property
    def job_has_topics(self) -> bool:
        """True if the team's job reads or writes topics."""
        return self.job is not None and not names_in(self.job.args).isdisjoint(KAFKA_NAMES)

    @property
    def held_inputs(self) -> tuple[int, ...]:
        """The places of the entries under ``inputs`` that wait for an output."""
        return tuple(index for index, one in enumerate(self.inputs) if isinstance(one, InlineInput) and one.after)

    @property
    def sends_through_kafka(self) -> bool:
        """True if the records of an agent travel through Kafka on Flink."""
        return self.expect.delivery is not None or bool(self.held_inputs) or self.upgrade is not None

    @property
    def both_alive(self) -> bool:
        """True if two versions of the agent are alive at the same time."""
        return self.upgrade is not None and self.upgrade.both_alive

    @property
    def rescales(self) -> tuple[Fault, ...]:
        """The steps that start the job with another parallelism."""
        return tuple(fault for fault in timetable(self.faults) if fault.rescale)

    @property
    def disturbed_links(self) -> frozenset[Link]:
        """The parts whose connections are disturbed."""
        return frozenset(fault.link for fault in timetable(self.faults) if fault.link)

    @property
    def obstacle_to_containers(self) -> str:
        """Return why the faults are not possible in containers, empty if they are."""
        if "taskmanager" in self.disturbed_links:
            return "no proxy stands between the containers of a cluster"
        if "kafka" in self.disturbed_links:
            return "containers reach Kafka on a network of their own, which no fault disturbs"
        if any(fault.fill_disk for fault in timetable(self.faults)):
            return "the disk of a container is not filled"
        return ""

    def allowed_addresses(self) -> tuple[str, ...] | None:
        """Return the addresses beside loopback that the run may reach, None for all."""
        if isinstance(self.job, JarJob):
            return None
        allowed = allowed_addresses(self.network, replaces=bool(self.llm or self.effects))
        if allowed is None or self.llm is None or self.llm.endpoint is None:
            return allowed
        # The model server asks the endpoint: an agent that did so itself would not be recorded.
        return tuple(address for address in allowed if address.lower() != self.llm.endpoint.address)

    @property
    def obstacle_to_replays(self) -> str:
        """Return what keeps inputs from being replayed, empty if nothing does."""
        if self.job:
            return "job"
        if self.expect.failure:
            return "expect.failure"
        if self.held_inputs:
            return "inputs[].after"
        if self.faults:
            return "faults"
        if self.llm and self.llm.asks_a_model:
            return f"llm in the mode {self.llm.mode}"
        if self.upgrade:
            return "upgrade"
        if self.compare:
            return "compare"
        routes = [effect.as_route() for effect in self.effects or ()]
        return counted_answer(routes, self.llm.rules() if self.llm else ())

    def allows_flink(self, version: str) -> bool:
        """Return whether the scenario applies to a Flink version like ``2.2.1``."""
        return self.flink is None or flink_versions(self.flink).contains(version, prereleases=True)
