"""The mappings of the scenario language, one class each.

Values are frozen and strict: no string becomes a number, no number a string, and durations become
seconds. Words of the language that this version does not support are listed in ``not_yet`` of their
mapping, so that they are not reported as mistyped.
Must never import: yaml, pytest, anything that starts something.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator
from typing_extensions import Self

from pytest_flink_agents.scenario.comparison import Compare, require_comparable
from pytest_flink_agents.scenario.counted_answers import counted_answer
from pytest_flink_agents.scenario.effects import AnyEffect
from pytest_flink_agents.scenario.expectations import Expect, ExpectFail
from pytest_flink_agents.scenario.faults import Fault, Faults, Link, timetable
from pytest_flink_agents.scenario.input_forms import InlineInput, Input
from pytest_flink_agents.scenario.llm import LlmSettings
from pytest_flink_agents.scenario.mapping import Items, LanguageMapping, SomeItems
from pytest_flink_agents.scenario.network import Network, allowed_addresses
from pytest_flink_agents.scenario.placeholders import KAFKA_NAMES, names_in
from pytest_flink_agents.scenario.rescale import require_rescalable
from pytest_flink_agents.scenario.subjects import Agent, JarJob, Job, Requirements, needs_jvm
from pytest_flink_agents.scenario.upgrade import Upgrade
from pytest_flink_agents.scenario.upgrade_rules import require_upgradable
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
_REPLAYED_TIERS = frozenset(("local", "embedded", "container"))
_THROUGH_KAFKA = "add expect.delivery.outputs, which sends the records through Kafka"


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


class Scenario(LanguageMapping):
    """One scenario: an agent or job, its inputs, and the expectations."""

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

    @model_validator(mode="after")
    def _one_thing_to_run(self) -> Self:
        if (self.agent is None) == (self.job is None):
            raise wrong("agent or job, and one of them", code="FA204", next_step="name what to run")
        if self.job and (self.config or self.resources.sections()):
            next_step = "remove config and resources: a job sets them itself"
            raise wrong("job without config and resources", code="FA204", next_step=next_step)
        return self

    @model_validator(mode="after")
    def _java_agent_on_flink(self) -> Self:
        if not self.has_java_agent:
            return self
        if self.resources.sections():
            next_step = "declare them in the agent: the sections of resources are Python's"
            raise wrong("a Java agent without resources", message="resources beside a Java agent", next_step=next_step)
        if self.tiers is not None and "local" in self.tiers:
            next_step = "remove local from tiers: upstream's engine runs a Java agent, on Flink"
            raise wrong("tiers without local beside a Java agent", next_step=next_step)
        return self

    @model_validator(mode="after")
    def _script_of_its_expectation(self) -> Self:
        if self.expect.llm and not self.llm:
            raise wrong("llm beside expect.llm", code="FA204", next_step="write the script, or remove expect.llm")
        if self.expect.llm and self.expect.llm.unused_rules is not None and self.llm and self.llm.asks_a_model:
            next_step = "remove it: a real model has no rules that could stay unused"
            raise wrong("a script or a cassette beside expect.llm.unused_rules", next_step=next_step)
        return self

    @model_validator(mode="after")
    def _memory_without_flink(self) -> Self:
        if self.expect.memory and self.tiers != ("local",):
            next_step = "add `tiers: [local]`: Flink does not show the memory of a key at the end of a job"
            raise wrong("tiers: [local] beside memory", code="FA204", next_step=next_step)
        return self

    @model_validator(mode="after")
    def _counts_of_flink_on_flink(self) -> Self:
        if (self.expect.checkpoints or self.expect.restarts) and (self.tiers is None or "local" in self.tiers):
            next_step = "add `tiers: [embedded]`: a run without Flink has no checkpoints and no restarts"
            raise wrong("tiers without local beside checkpoints or restarts", code="FA204", next_step=next_step)
        return self

    @model_validator(mode="after")
    def _limited_process(self) -> Self:
        if isinstance(self.job, JarJob) and self.network not in (None, "open"):
            next_step = "remove network, or write network: open"
            raise wrong("no limit for a jar: Java's connections are not watched", code="FA204", next_step=next_step)
        return self

    @model_validator(mode="after")
    def _one_run_of_a_known_failure(self) -> Self:
        if self.repeat and self.expect_fail:
            next_step = "remove one of them: a known failure fails in every run"
            raise wrong("repeat or expect_fail, not both", message="repeat beside expect_fail", next_step=next_step)
        return self

    @model_validator(mode="after")
    def _faults_have_a_target(self) -> Self:
        faults = timetable(self.faults)
        if faults and self.tiers and not {"embedded", "container"} & set(self.tiers):
            next_step = "add embedded or container to tiers: only processes that the session starts are broken"
            raise wrong("faults on a tier whose processes the session starts", next_step=next_step)
        if any(fault.kill == "broker" for fault in faults) and not (self.sends_through_kafka or self.job_has_topics):
            raise wrong("a broker to kill", code="FA204", next_step=_THROUGH_KAFKA)
        self._require_links()
        if self.job and any(fault.after.event for fault in faults):
            message = "the event log of a job's own agents is elsewhere: faults.after.event"
            next_step = "wait for outputs, a checkpoint or an effect"
            raise wrong("an agent beside it", message=message, code="FA204", next_step=next_step)
        if self.rescales:
            disturbing = {"job": self.job, "a Java agent": self.has_java_agent, "inputs[].after": self.held_inputs}
            require_rescalable(disturbing, delivery=bool(self.expect.delivery and self.expect.delivery.outputs))
        return self

    def _require_links(self) -> None:
        """Refuse faults of the network between the job and something that it does not talk to."""
        links = self.disturbed_links
        if "kafka" in links and not (self.sends_through_kafka or self.job_has_topics):
            raise wrong("a Kafka between which and the job the network is", code="FA204", next_step=_THROUGH_KAFKA)
        for link, section in (("effects", self.effects), ("llm", self.llm)):
            if link in links and not section:
                next_step = f"write {link}, or remove the fault"
                raise wrong(f"{link} beside a fault of its network", code="FA204", next_step=next_step)

    @model_validator(mode="after")
    def _recovers_from_faults(self) -> Self:
        recovery = self.expect.recovery
        if recovery and not self.faults:
            next_step = "add faults: a job that nothing breaks does not recover"
            message = "expect.recovery without faults"
            raise wrong("faults beside it", message=message, code="FA204", next_step=next_step)
        if recovery and recovery.first_output_within and not (self.sends_through_kafka or self.job_has_topics):
            message = "outputs have no time outside Kafka: expect.recovery.first_output_within"
            raise wrong("outputs in Kafka", message=message, code="FA204", next_step=_THROUGH_KAFKA)
        return self

    @model_validator(mode="after")
    def _can_be_upgraded(self) -> Self:
        require_upgradable(self)
        return self

    @model_validator(mode="after")
    def _can_be_compared(self) -> Self:
        if self.compare:
            disturbing = {
                "job": self.job,
                "upgrade": self.upgrade,
                "faults": self.faults,
                "always_replay": self.always_replay,
                "inputs[].after": self.held_inputs,
                "llm: {mode: record}": self.llm is not None and self.llm.mode == "record",
            }
            require_comparable(self.compare.baseline, self.agent, self.tiers, disturbing)
        return self

    @model_validator(mode="after")
    def _held_inputs_in_a_topic(self) -> Self:
        if self.job and self.held_inputs and "input.topic" not in names_in(self.job.args):
            next_step = "let the job read ${input.topic}, or remove `after`: a file is complete before its job begins"
            raise wrong(
                "${input.topic} among the arguments of the job",
                message="inputs[].after with a file",
                next_step=next_step,
            )
        return self

    @model_validator(mode="after")
    def _can_be_replayed(self) -> Self:
        if not self.always_replay:
            return self
        if not self.tiers or not _REPLAYED_TIERS.issuperset(self.tiers):
            next_step = (
                "add `tiers: [local, embedded, container]`, or some of them: inputs are replayed on no other tier"
            )
            raise wrong("tiers: [local, embedded, container] beside always_replay", code="FA204", next_step=next_step)
        if obstacle := self.obstacle_to_replays:
            next_step = "remove always_replay, or keep it in a scenario of its own"
            message = f"{obstacle} beside always_replay"
            raise wrong("answers that can be given again", message=message, next_step=next_step)
        return self

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
