"""The section ``compare`` of a scenario: another run of its inputs, and what may differ from it.

Must never import: yaml, pytest, anything that starts a process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import Self

from flink_testbed.core.problem import nearest
from pytest_flink_agents.scenario.mapping import Items, LanguageMapping
from pytest_flink_agents.scenario.scrub import ScrubPath, parse_scrub
from pytest_flink_agents.scenario.subjects import Agent, needs_jvm
from pytest_flink_agents.scenario.words import NotEmpty, wrong

# The aspects of a run that have records, and those that are one value.
_LISTS = ("tool_calls", "effects", "outputs", "events")
_PARTS = (*_LISTS, "memory")
_EXAMPLE = "outputs[*].value.text"


def allow_path(text: str) -> ScrubPath:
    """Return the path of a place that may differ, into a run as data.

    Raises ``ValueError`` for text that is no path.
    """
    return parse_scrub(f"$.{text}")


def _allow(text: str) -> str:
    try:
        part, *steps = allow_path(text).steps
    except ValueError as error:
        raise wrong(f"a path like {_EXAMPLE}", next_step=str(error)) from None
    if part not in _PARTS:
        near = nearest(str(part), _PARTS)
        next_step = f"did you mean {near}?" if near else f"write it like {_EXAMPLE}"
        raise wrong(f"a path that begins with {', '.join(_PARTS)}", next_step=next_step)
    of_records = part in _LISTS
    if of_records and steps and isinstance(steps[0], str):
        raise wrong(f"a path through the records of {part}", next_step=f"write {part}[*].{text.partition('.')[2]}")
    if len(steps) < (2 if of_records else 1):
        message = f"a rule that allows everything: {text}"
        whole = f"{part}[*].PLACE" if of_records else f"{part}.PLACE"
        next_step = f"name what may differ: {whole}"
        raise wrong("a place inside a record", message=message, code="FA209", next_step=next_step)
    return text


AllowText = Annotated[str, AfterValidator(_allow)]


class Baseline(LanguageMapping):
    """The run that the scenario's own one is compared with."""

    agent: Agent | None = Field(
        None,
        description="another agent: package.module:Class, {yaml, name} or {plan}; default beside `git`: the scenario's",
    )
    git: NotEmpty | None = Field(
        None, description="the branch, tag or commit of the project's repository that has its code, like v1.4.0"
    )
    tier: Literal["local", "embedded", "container"] | None = Field(
        None, description="the tier that runs the scenario's own agent"
    )
    evidence: NotEmpty | None = Field(
        None, description="evidence.json of an earlier run of the scenario, relative to the scenario file"
    )

    @model_validator(mode="after")
    def _names_one_run(self) -> Self:
        given: set[str] = set(self.model_fields_set)
        if len(given) != 1 and given != {"agent", "git"}:
            next_step = "write git: v1.4.0, agent: package.module:Class, tier: local or evidence: FILE"
            raise wrong(
                "one of agent, git, tier and evidence; agent also beside git", code="FA204", next_step=next_step
            )
        return self

    @property
    def name(self) -> str:
        """The baseline in one or two words."""
        if self.evidence:
            return "stored"
        if self.tier:
            return f"tier {self.tier}"
        agent = self.agent.rpartition(":")[2] if isinstance(self.agent, str) else self._file
        return self.git or agent

    @property
    def _file(self) -> str:
        named = (
            self.agent.model_dump(by_alias=True, exclude_none=True) if isinstance(self.agent, LanguageMapping) else {}
        )
        return next((str(named[word]) for word in ("name", "class", "plan") if word in named), "")


class Compare(LanguageMapping):
    """A second run of the scenario's inputs, by a baseline, from which the scenario's own run must not differ.

    The calls of the scenario's run to `effects` are held back: one that the baseline made is answered, any other is refused.
    """

    baseline: Baseline = Field(description="what is compared with: {git}, {agent}, {tier} or {evidence}")
    allow: Items[AllowText] = Field(
        (),
        description=f"places that may differ, like {_EXAMPLE}; they begin with {', '.join(_PARTS)}",
    )


def require_comparable(
    baseline: Baseline, agent: Agent | None, tiers: Sequence[str] | None, disturbing: Mapping[str, object]
) -> None:
    """Refuse two runs that are the same, and what would disturb one of them.

    ``agent`` and ``tiers`` are those of the scenario, ``disturbing`` its other words by name.
    """
    for word, given in disturbing.items():
        if given:
            message, next_step = f"{word} beside compare is not supported yet", f"remove {word}, or compare"
            raise wrong("two runs that nothing else disturbs", message=message, next_step=next_step)
    if baseline.agent == agent and baseline.git is None:
        message, next_step = "both sides of compare are the same", "name another agent, or its version at `git`"
        raise wrong("an agent that is not the scenario's own", message=message, next_step=next_step)
    if baseline.tier is not None and (tiers is None or baseline.tier in tiers):
        message = f"both sides of compare are the same on the tier {baseline.tier}"
        other = "local" if baseline.tier == "embedded" else "embedded"
        next_step = f"write the tiers that are compared with it: tiers: [{other}]"
        raise wrong(f"tiers without {baseline.tier}", message=message, next_step=next_step)
    own = baseline.agent or agent
    if baseline.git is not None and own is not None and needs_jvm(own):
        message, next_step = "a Java agent at a commit, which has no jar", "name the jar: {agent: {jar, class}}"
        raise wrong("an agent in Python beside git", message=message, next_step=next_step)
