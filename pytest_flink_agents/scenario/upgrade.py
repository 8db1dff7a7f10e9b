"""The section ``upgrade`` of a scenario: the version that runs before, and the moment of the switch.

Must never import: yaml, pytest, anything that starts a process.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import Self

from pytest_flink_agents.scenario.comparison import AllowText
from pytest_flink_agents.scenario.faults import After, Count
from pytest_flink_agents.scenario.mapping import Items, LanguageMapping
from pytest_flink_agents.scenario.subjects import Agent, Job, Requirements
from pytest_flink_agents.scenario.words import AgentsVersion, FlinkVersion, NotEmpty, PythonVersion, wrong

# What is compared of two versions that are alive at the same time.
_SHADOWED = ("outputs", "effects")


def _shadowed(text: str) -> str:
    if not text.startswith(_SHADOWED):
        next_step = "the outputs and effects of both versions are compared, and nothing else"
        raise wrong(f"a path that begins with {' or '.join(_SHADOWED)}", next_step=next_step)
    return text


ShadowAllowText = Annotated[AllowText, AfterValidator(_shadowed)]


class Before(LanguageMapping):
    """The version that runs before the scenario's own agent or job."""

    agent: Agent | None = Field(
        None,
        description="the agent: package.module:Class, {yaml, name} or {plan}; default: the scenario's own, at `git`",
    )
    job: Job | None = Field(
        None,
        description="the job, for a scenario with a job: {python: FILE} or {jar: FILE}; args and main_class that it leaves "
        "out are those of the scenario's job; default: the scenario's own, at `git`",
    )
    git: NotEmpty | None = Field(
        None,
        description="the branch, tag or commit of the project's repository that has the version's code, like v1.4.0",
    )
    savepoint: NotEmpty | None = Field(
        None,
        description="the directory of a stored savepoint of this version, relative to the scenario file: the scenario's "
        "own agent starts from it, and this version does not run before",
    )
    flink: FlinkVersion | None = Field(
        None, description='the version of Flink that it runs on, quoted: "1.20" or "2.2.1"; default: that of the run'
    )
    flink_agents: AgentsVersion | None = Field(
        None, description='the release of flink-agents that it runs with, quoted: "0.3.0"; default: that of the run'
    )
    python: PythonVersion | None = Field(
        None, description='the Python of its job environment, quoted: "3.10"; default: that of the run'
    )
    requirements: Requirements | None = Field(
        None, description="requirements of its job environment: a file or a list; default: the scenario's own"
    )
    config: dict[str, Any] = Field(
        default_factory=dict, description="its options of flink-agents, which win over those of the scenario"
    )
    flink_config: dict[str, Any] = Field(
        default_factory=dict, description="its options of Flink, which win over those of the scenario"
    )
    parallelism: int | None = Field(None, description="its parallelism; default: that of the scenario")

    @model_validator(mode="after")
    def _names_a_version(self) -> Self:
        if not self.model_fields_set:
            next_step = "write agent: package.module:Class, job: {python: FILE}, or git: v1.4.0"
            raise wrong("a difference to the scenario's own version", code="FA204", next_step=next_step)
        return self


class Upgrade(LanguageMapping):
    """The rehearsal of an upgrade: another version runs first, and is stopped with a savepoint.

    The scenario's own agent or job starts from it. In `mode: blue_green` the first one goes on until the next one is judged.
    """

    from_: Before = Field(alias="from", description="the version that runs before: {agent: shop.agents_v1:RefundAgent}")
    after: After | None = Field(
        None,
        description="the moment of the switch: {outputs: 100}, {seconds: 5}, {checkpoint: 2}, {effect: payments} or "
        "{event: paid}; required unless `from` has a savepoint and there is no rollback",
    )
    mode: Literal["savepoint", "last-state", "stateless", "blue_green"] = Field(
        "savepoint",
        description="what the next version starts from: the savepoint that the one before is stopped with, the last "
        "checkpoint of one that is cancelled (last-state), or nothing (stateless); or a savepoint of one that goes on "
        "(blue_green): the next version shows in its shadow what it would do, and takes over at a stated offset",
    )
    rollback: bool = Field(
        False,
        description="go back to the version before, from a savepoint of the scenario's agent, once its own `after` has come",
    )
    inputs: Count | None = Field(
        None,
        description="the number of inputs that are written before the switch; default: equal parts for all versions",
    )
    in_flight: Annotated[int, Field(ge=0, le=10_000_000)] = Field(
        0,
        description="the number of further inputs that are written right before the savepoint, so that the job is at work; "
        "default: none",
    )
    shadow: Annotated[int, Field(ge=1, le=10_000_000)] | None = Field(
        None,
        description="the number of inputs after the savepoint that both versions of blue_green handle, and by whose outputs "
        "and effects the next one is judged; default: as many as before it",
    )
    allow: Items[ShadowAllowText] = Field(
        (), description="places that may differ in the shadow, like outputs[*].value.version or effects[*].body.text"
    )
    abort_after: Literal["savepoint", "start", "shadow"] | None = Field(
        None,
        description="give the next version of blue_green up on purpose after this step; the one before must serve all inputs",
    )
    removes: Items[NotEmpty] = Field(
        (), description="actions that the scenario's agent no longer has on purpose; others must not be missing"
    )

    @model_validator(mode="after")
    def _moment_of_each_version(self) -> Self:
        if self.switches and self.after is None:
            raise wrong("after", code="FA204", next_step="write the moment of the switch, like after: {outputs: 100}")
        unused = self.after or self.inputs is not None or self.in_flight or self.mode != "savepoint"
        if not self.switches and unused:
            message = "no version is stopped: after, mode, inputs and in_flight"
            next_step = "remove them, or add rollback: true"
            raise wrong("a stored savepoint, and nothing on a switch", message=message, next_step=next_step)
        if self.rollback and self.after and (self.after.effect is not None or self.after.event is not None):
            next_step = "write outputs, seconds or checkpoint: they are counted from the start of each version"
            raise wrong(
                "a moment that comes again", message="rollback beside after.effect or event", next_step=next_step
            )
        return self

    @model_validator(mode="after")
    def _words_of_two_that_are_alive(self) -> Self:
        if not self.both_alive:
            for word in ("shadow", "allow", "abort_after"):
                if word in self.model_fields_set:
                    message, next_step = f"{word} without mode: blue_green", f"write mode: blue_green, or remove {word}"
                    raise wrong("mode: blue_green beside it", message=message, code="FA204", next_step=next_step)
            return self
        for word, given in {"rollback": self.rollback, "from.savepoint": self.from_.savepoint}.items():
            if given:
                message = f"{word} beside mode: blue_green, which goes back by an abort"
                next_step = f"remove {word}, or write mode: savepoint"
                raise wrong("a version that runs, and goes on until the switch", message=message, next_step=next_step)
        return self

    @property
    def both_alive(self) -> bool:
        """True if the version before serves until the next one is judged."""
        return self.mode == "blue_green"

    @property
    def versions(self) -> int:
        """The number of jobs, one after the other."""
        return self.switches + 1

    @property
    def switches(self) -> int:
        """The number of jobs that are stopped for another one."""
        return (self.from_.savepoint is None) + self.rollback
