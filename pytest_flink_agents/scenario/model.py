"""What a scenario may say: one class for each mapping of the language, nothing of files, places or running.

Values are frozen and strict: no text becomes a number, no number a text. Words that the language knows but this
version does not do yet are listed in the class where they would stand (``not_yet``), to tell them from mistyped ones.
Must never import: yaml, pytest, anything that starts something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator
from typing_extensions import Self

from pytest_flink_agents.scenario.llm import LlmSettings
from pytest_flink_agents.scenario.mapping import FORM, Items, LanguageMapping, SomeItems
from pytest_flink_agents.scenario.words import (
    AgentClass,
    Duration,
    EnvironmentName,
    EnvironmentText,
    FlinkVersions,
    JmesPath,
    Name,
    NotEmpty,
    Package,
    Regex,
    WaiverDate,
    flink_versions,
    quoted_version,
    wrong,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Tier = Literal["local", "embedded", "container", "remote"]
Section = Items[dict[str, Any]]
CheckName = Literal["outputs", "delivery", "failure", "ended", "logs", "model calls"]


def _has_form(form: Callable[[Any], str | None], expected: str) -> BeforeValidator:
    """Refuse what has none of the forms: pydantic's own words for that speak of tags."""

    def check(value: Any) -> Any:
        if form(value) is None:
            raise wrong(expected)
        return value

    return BeforeValidator(check)


class YamlAgent(LanguageMapping):
    """An agent out of a YAML file of upstream's form."""

    yaml: NotEmpty = Field(description="the YAML file, relative to this one")
    name: NotEmpty = Field(description="name of the agent in it")


class PlanAgent(LanguageMapping):
    """An agent as a compiled plan."""

    plan: NotEmpty = Field(description="the plan's JSON file, relative to this one")


def _agent_form(value: Any) -> str | None:
    if isinstance(value, dict):
        return FORM + ("plan" if "plan" in value else "yaml")
    return FORM + "class" if isinstance(value, str) else None


Agent = Annotated[
    Annotated[AgentClass, Tag(FORM + "class")]
    | Annotated[YamlAgent, Tag(FORM + "yaml")]
    | Annotated[PlanAgent, Tag(FORM + "plan")],
    Discriminator(_agent_form),
    _has_form(_agent_form, "package.module:Class, {yaml: FILE, name: NAME} or {plan: FILE}"),
]


class PythonJob(LanguageMapping):
    """A team's own job: a Python program that builds and executes it."""

    python: NotEmpty = Field(description="the program, relative to this file")
    args: Items[str] = Field((), description="its arguments, with ${input.path}, ${output.path}, ${llm.openai_url} ...")


class JarJob(LanguageMapping):
    """A team's own job: a jar with the main class that builds and executes it."""

    jar: NotEmpty = Field(description="the jar, relative to this file")
    main_class: NotEmpty | None = Field(None, description="the class to run; left out: the one its manifest names")
    args: Items[str] = Field((), description="its arguments, with ${input.path}, ${output.path}, ${llm.openai_url} ...")


def _job_form(value: Any) -> str | None:
    return FORM + ("jar" if "jar" in value else "python") if isinstance(value, dict) else None


Job = Annotated[
    Annotated[PythonJob, Tag(FORM + "python")] | Annotated[JarJob, Tag(FORM + "jar")],
    Discriminator(_job_form),
    _has_form(_job_form, "{python: FILE} or {jar: FILE}"),
]


def _requirements_form(value: Any) -> str | None:
    if isinstance(value, list):
        return FORM + "list"
    return FORM + "file" if isinstance(value, str) else None


Requirements = Annotated[
    Annotated[NotEmpty, Tag(FORM + "file")] | Annotated[SomeItems[NotEmpty], Tag(FORM + "list")],
    Discriminator(_requirements_form),
    _has_form(_requirements_form, "a requirements file, or a list of requirements"),
]


class Resources(LanguageMapping):
    """Resources of the whole environment, in the sections and words of upstream's YAML."""

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
        """Return the sections that hold something, as plain data; placeholders are still in it."""
        return {name: list(section) for name, section in self if section}


class InlineInput(LanguageMapping):
    """One input, written out."""

    not_yet: ClassVar[frozenset[str]] = frozenset({"generate"})

    key: Any = Field(description="the key that the input comes under")
    value: Any = Field(description="the input itself, any JSON value")


class _RecordInputs(LanguageMapping):
    key: JmesPath = Field(description="JMESPath to the key of a record")
    value: JmesPath | None = Field(None, description="JMESPath to the input in a record; left out: the whole record")
    limit: Annotated[int, Field(ge=1, le=10_000_000)] | None = Field(
        None, description="maximum number of records; left out: all"
    )


class FileInputs(_RecordInputs):
    """Inputs out of a JSON-lines file of the project."""

    from_: NotEmpty = Field(alias="from", description="the JSON-lines file, relative to this one")


class PackageInputs(_RecordInputs):
    """Inputs out of a JSON-lines file inside an installed package, or one of the project."""

    package: Package = Field(description="the package that holds the file, like shop.testdata")
    file: NotEmpty = Field(description="the JSON-lines file, relative to the package's folder")


def _input_form(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    if "from" in value:
        return FORM + "file"
    return FORM + ("package" if "package" in value or "file" in value else "inline")


Input = Annotated[
    Annotated[InlineInput, Tag(FORM + "inline")]
    | Annotated[FileInputs, Tag(FORM + "file")]
    | Annotated[PackageInputs, Tag(FORM + "package")],
    Discriminator(_input_form),
    _has_form(_input_form, "{key, value}, {from: FILE, key: PATH} or {package, file, key}"),
]


class ExpectedOutput(LanguageMapping):
    """One output to see. Key and value are matchers: plain values mean equality."""

    key: Any = Field(description="the key that the output comes under")
    value: Any = Field(description="what the output is like: a value, or a matcher such as {contains: text}")


class ExpectedFailure(LanguageMapping):
    """The job must fail, and its message say so."""

    contains: NotEmpty | None = Field(None, description="text that the message holds")
    regex: Regex | None = Field(None, description="pattern that is found in the message")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise wrong("either contains or regex", code="FA203" if self.model_fields_set else "FA204")
        return self


class ExpectedLogs(LanguageMapping):
    """What the cluster may log although it is an error. Any other ERROR line, and a crash, fails the scenario."""

    allow: SomeItems[Regex] = Field(description="patterns, each found in the line or in the stack trace below it")


class ExpectedDelivery(LanguageMapping):
    """What may become of outputs when something fails. On Flink it has inputs and outputs go through Kafka."""

    not_yet: ClassVar[frozenset[str]] = frozenset({"actions"})

    outputs: Literal["exactly_once", "at_least_once"] = Field(
        description="exactly_once: none lost, none twice; at_least_once: none lost"
    )
    per_input: Annotated[int, Field(ge=1, le=10_000)] = Field(
        1, description="number of outputs that each input leads to; left out: one"
    )


class Expect(LanguageMapping):
    """What must be seen. ``outputs: []`` means that no output may come."""

    not_yet: ClassVar[frozenset[str]] = frozenset(
        {"trajectory", "effects", "memory", "metrics", "latency", "throughput"}
    )

    outputs: Items[ExpectedOutput] | None = Field(None, description="all outputs, none besides; [] means none at all")
    order: Literal["per_key", "any", "strict"] = Field("per_key", description="in which order the outputs must come")
    failure: ExpectedFailure | None = Field(None, description="the job must fail, and say so")
    delivery: ExpectedDelivery | None = Field(None, description="that outputs are neither lost nor come twice")

    logs: ExpectedLogs | None = Field(None, description="ERROR lines of the cluster that are no reason to fail")

    @model_validator(mode="after")
    def _expects_something(self) -> Self:
        if self.outputs is None and self.failure is None and self.delivery is None:
            next_step = "say what must come out; `outputs: []` means that nothing may"
            raise wrong("outputs, failure or delivery", code="FA204", next_step=next_step)
        return self


class ExpectFail(LanguageMapping):
    """A known failure. The scenario fails if it passes, if it fails in another way, or after the last day."""

    reason: NotEmpty = Field(description="why it fails, and where that is tracked")
    failure: ExpectedFailure | None = Field(
        None, description="text or pattern of the job's failure, or of each finding of `check`"
    )
    check: CheckName | None = Field(None, description="the check that fails; every other check must pass")
    until: WaiverDate = Field(description="the last day on which this holds, at most 90 days ahead: 2027-01-31")
    owner: NotEmpty | None = Field(None, description="who removes the cause")

    @model_validator(mode="after")
    def _names_a_failure(self) -> Self:
        if self.failure is None and self.check is None:
            next_step = "name the failure: {contains: TEXT}, the check that fails, or both"
            raise wrong("failure or check", code="FA204", next_step=next_step)
        if self.check == "failure" and self.failure is None:
            next_step = "add failure: {contains: TEXT}, since any failure of the job would be waived otherwise"
            raise wrong("failure beside `check: failure`", code="FA204", next_step=next_step)
        return self


class Scenario(LanguageMapping):
    """One scenario: what to run, on what, with which inputs, and what must be seen."""

    not_yet: ClassVar[frozenset[str]] = frozenset(
        {"effects", "faults", "upgrade", "flink_config", "repeat", "scrub", "matrix", "include"}
    )

    version: Annotated[Literal["1"], BeforeValidator(quoted_version)] = Field(
        description='version of the language: "1"'
    )
    name: Name = Field(description="what the report calls it; one line, unique in its file")
    description: str = Field("", description="what it shows, for the report")
    tags: Items[NotEmpty] = Field((), description="words to select scenarios by")
    severity: Literal["block", "warn", "info"] = Field("block", description="what its failure does to the verdict")
    requirement: NotEmpty | None = Field(None, description="what it proves, like REQ-17; shows in the report")
    owner: NotEmpty | None = Field(None, description="who answers for it")
    agent: Agent | None = Field(None, description="package.module:Class, {yaml, name} or {plan}")
    job: Job | None = Field(None, description="instead of an agent: a job of the team's own, through `flink run`")
    requirements: Requirements | None = Field(None, description="a requirements file for the job, or a list")
    resources: Resources = Field(Resources(), description="resources of the whole environment")
    tiers: SomeItems[Tier] | None = Field(None, description="where it may run; left out: on all that are enabled")
    flink: FlinkVersions | None = Field(None, description='versions of Flink it is for, quoted: ">=1.20.3" or "2.2"')
    environment: dict[EnvironmentName, EnvironmentText] = Field(
        default_factory=dict, description="environment variables of the agent's process, by name"
    )
    config: dict[str, Any] = Field(default_factory=dict, description="options of flink-agents")
    config_extra: bool = Field(False, description="allow options that flink-agents does not declare")
    llm: LlmSettings | None = Field(None, description="how the model answers")
    inputs: SomeItems[Input] = Field(description="what goes in")
    expect: Expect = Field(description="what must be seen")
    within: Duration = Field(60.0, description="time for the whole run, like 500ms, 2s, 1m; in the model: seconds")
    expect_fail: ExpectFail | None = Field(None, description="it is known to fail, and until when")

    @model_validator(mode="after")
    def _one_thing_to_run(self) -> Self:
        if (self.agent is None) == (self.job is None):
            raise wrong("agent or job, and one of them", code="FA204", next_step="say what is to run")
        if self.job and (self.config or self.resources.sections()):
            next_step = "take config and resources out: a job of the team's own sets them by itself"
            raise wrong("job without config and resources", code="FA204", next_step=next_step)
        return self

    @field_validator("tiers", "tags")
    @classmethod
    def _each_once(cls, words: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if words and len(set(words)) != len(words):
            raise wrong("each word once")
        return words

    def allows_flink(self, version: str) -> bool:
        """Whether it applies to a Flink version like ``2.2.1``."""
        return self.flink is None or flink_versions(self.flink).contains(version, prereleases=True)
