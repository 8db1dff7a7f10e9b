"""The mappings of the policy language, one class each.

Values are as strict as those of scenarios: nothing is converted, and an unknown word is a mistake.
Must never import: yaml, pytest, anything that starts something.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError
from typing_extensions import Self

from pytest_flink_agents.checks.quality import QualityCheck
from pytest_flink_agents.scenario.expectation.amounts import Number
from pytest_flink_agents.scenario.expectations import ExpectFail
from pytest_flink_agents.scenario.mapping import Items, LanguageMapping, SomeItems
from pytest_flink_agents.scenario.words import Duration, FlinkVersions, NotEmpty, quoted_version, wrong

Tier = Literal["local", "embedded", "container", "remote"]
Engine = Literal["bundled", "upstream"]
Severity = Literal["block", "warn", "info"]
_Count = Annotated[int, Field(ge=1, le=100_000)]
_PLACE = "::"
Mapped = TypeVar("Mapped", bound=LanguageMapping)


def _profile_name(text: str) -> str:
    if not text.isprintable() or not text.strip() or text != text.strip():
        raise wrong("one line without surrounding spaces, like production")
    if text == "default":
        next_step = "choose another name: default is the profile of sessions without a policy file"
        raise wrong("a name of its own", message="the profile default exists already", next_step=next_step)
    return text


def _scenario(text: str) -> str:
    file, separator, name = text.partition(_PLACE)
    if not separator or not file.endswith((".scenario.yaml", ".scenario.yml")) or not name:
        next_step = "write its file relative to the project, two colons and its name"
        raise wrong("one scenario, like scenarios/refund.scenario.yaml::refund is refused twice", next_step=next_step)
    return text


@dataclass(frozen=True, slots=True)
class Growth:
    """An increase as a ``share`` of a figure, or as an ``amount``, which is in seconds for durations."""

    share: float | None = None
    amount: float | None = None


def _growth(amount: Callable[[Any], float], example: str) -> Callable[[Any], Growth]:
    """Return the validator of an increase: a percentage, or an amount in another form."""

    def growth(value: Any) -> Growth:
        found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
        if found:
            return Growth(share=float(found[1]) / 100)
        try:
            return Growth(amount=amount(value))
        except (ValidationError, PydanticCustomError):
            raise wrong(f"a percentage or an amount, like 20% or {example}") from None

    return growth


def _with_a_figure(limits: Mapped) -> Mapped:
    if not limits.model_fields_set - {"tags"}:
        raise wrong("latency_p95, tokens, cost, recovery or duration", code="FA204")
    return limits


_PERCENT = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)%")
_PERCENT_SCHEMA = {"type": "string", "pattern": f"^{_PERCENT.pattern}$"}
_duration_growth = _growth(TypeAdapter(Duration).validate_python, "500ms")
_number_growth = _growth(TypeAdapter(Number, config=ConfigDict(strict=True)).validate_python, "100")
DurationIncrease = Annotated[
    Growth,
    PlainValidator(_duration_growth),
    WithJsonSchema({"anyOf": [_PERCENT_SCHEMA, TypeAdapter(Duration).json_schema()]}),
]
NumberIncrease = Annotated[
    Growth,
    PlainValidator(_number_growth),
    WithJsonSchema({"anyOf": [_PERCENT_SCHEMA, TypeAdapter(Number).json_schema()]}),
]
ProfileName = Annotated[str, AfterValidator(_profile_name)]
ScenarioName = Annotated[str, AfterValidator(_scenario)]


class Coverage(LanguageMapping):
    """Runs that must have passed. One run may satisfy several entries of a list."""

    tiers: SomeItems[Tier] | None = Field(
        None, description="tiers on which a scenario passed; without this word one with Flink"
    )
    engines: Items[Engine] = Field((), description="engines that executed a scenario that passed on Flink")
    flink: Items[FlinkVersions] = Field((), description='Flink versions on which a scenario passed, quoted: "2.2"')
    tags: Items[NotEmpty] = Field((), description="tags of which a scenario passed")
    requirements: Items[NotEmpty] = Field((), description="requirements that a scenario verified, like REQ-17")
    scenarios: _Count | None = Field(None, description="number of scenarios that passed")
    repeats: _Count | None = Field(None, description="number of runs of each scenario that passed, see `repeat`")


class Limits(LanguageMapping):
    """The largest figures of each run. A run whose figure is not known makes the session inconclusive."""

    tags: SomeItems[NotEmpty] | None = Field(
        None, description="the scenarios that this limits: those with one of these tags; default: all"
    )
    latency_p95: Duration | None = Field(
        None, description="95th percentile of the time from an input to its last output"
    )
    tokens: Number | None = Field(None, description="tokens of all prompts and completions of a run")
    cost: Number | None = Field(None, description="cost of a run by the prices in `flink_model_prices`")
    recovery: Duration | None = Field(
        None, description="time from each fault until all tasks ran again, in runs with faults"
    )
    duration: Duration | None = Field(None, description="time from the start of a run's tasks to its end")

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        return _with_a_figure(self)


class Increases(LanguageMapping):
    """The largest increase of the figures of each run over the session that `--flink-baseline` names.

    An increase is a share of the earlier figure, like `20%`, or an amount. A figure that one of the sessions does not have
    makes the session inconclusive.
    """

    tags: SomeItems[NotEmpty] | None = Field(
        None, description="the scenarios that are compared: those with one of these tags; default: all"
    )
    latency_p95: DurationIncrease | None = Field(
        None, description="95th percentile of the time from an input to its last output"
    )
    tokens: NumberIncrease | None = Field(None, description="tokens of all prompts and completions of a run")
    cost: NumberIncrease | None = Field(None, description="cost of a run by the prices in `flink_model_prices`")
    recovery: DurationIncrease | None = Field(
        None, description="time from each fault until all tasks ran again, in runs with faults"
    )
    duration: DurationIncrease | None = Field(None, description="time from the start of a run's tasks to its end")

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        return _with_a_figure(self)


class KnownFailure(ExpectFail):
    """A known failure of one scenario, with an owner, that does not count until a date."""

    scenario: ScenarioName = Field(description="the scenario: FILE::NAME, with the combination of its matrix")
    owner: NotEmpty = Field(description="who removes the cause")


class ScreeningWords(LanguageMapping):
    """A scenario may block after runs that passed one after the other; the failure of another one is inconclusive."""

    runs: Annotated[int, Field(ge=2, le=1_000)] = Field(
        description="number of runs that must have passed one after the other, in earlier sessions or by `repeat`"
    )
    unstable_may_promote: bool = Field(
        False, description="make the failure of a scenario that is not stable a warning, if there is a history"
    )


class Profile(LanguageMapping):
    """One way to judge a session."""

    description: str = Field("", description="purpose of the profile")
    require: Coverage = Field(Coverage(), description="what must have passed")
    production_engine: Engine | None = Field(
        None, description="engine of production; a run of another one on Flink shows nothing"
    )
    other_engine_may_promote: bool = Field(False, description="accept runs of another engine than production's")
    real_models_may_promote: bool = Field(
        False, description="accept runs with a real model (`llm: {mode: live}` or `record`)"
    )
    limits: Items[Limits] = Field((), description="limits of figures that runs record")
    baseline: Items[Increases] = Field((), description="how much worse figures may be than in an earlier session")
    screening: ScreeningWords | None = Field(None, description="which scenarios may block")
    checks: dict[QualityCheck, Severity] = Field(
        default_factory=dict, description="severity of a check that fails alone: block (default), warn or info"
    )
    waivers: Items[KnownFailure] = Field((), description="known failures that do not count until a date")

    @model_validator(mode="after")
    def _other_than_what(self) -> Self:
        if self.other_engine_may_promote and self.production_engine is None:
            next_step = "name the engine of production, or remove the word"
            raise wrong("production_engine beside other_engine_may_promote", code="FA204", next_step=next_step)
        return self


class PolicyFile(LanguageMapping):
    """The profiles of a project: ``flink-agents-policy.yaml``."""

    noun: ClassVar[str] = "policy"

    version: Annotated[Literal["1"], BeforeValidator(quoted_version)] = Field(
        description='version of the policy language: "1"'
    )
    default: ProfileName = Field(description="profile of sessions that name none with --flink-profile")
    profiles: Annotated[dict[ProfileName, Profile], Field(min_length=1)] = Field(description="profiles by name")
