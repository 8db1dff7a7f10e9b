"""The words below ``expect`` that bound a number: tokens, latency, metrics, checkpoints and others.

Must never import: yaml, pytest.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, FiniteFloat, Tag, model_validator
from typing_extensions import Self

from pytest_flink_agents.scenario.mapping import LanguageMapping
from pytest_flink_agents.scenario.words import FORM, Delay, has_form, wrong

Number = Annotated[FiniteFloat, Field(ge=0)]


def _check_bounds(minimum: float | None, maximum: float | None, *, negative: bool = False) -> None:
    """Raise the error of bounds that no number, or every number, keeps.

    ``negative`` numbers exist for some: only then can a minimum of 0 fail.
    """
    if minimum is None and maximum is None:
        raise wrong("min, max or both", code="FA204", next_step="state a bound")
    if minimum is not None and maximum is not None and minimum > maximum:
        raise wrong("a min that is at most max", message="bounds that no number keeps", code="FA209")
    if minimum == 0 and maximum is None and not negative:
        raise wrong("a min above 0", message="a bound that cannot fail: min", code="FA209")


class Range(LanguageMapping):
    """The bounds of a number."""

    min: Number | None = Field(None, description="the smallest number that is allowed")
    max: Number | None = Field(None, description="the largest number that is allowed")

    @model_validator(mode="after")
    def _can_fail(self) -> Self:
        _check_bounds(self.min, self.max)
        return self


def _count_form(value: Any) -> str | None:
    if isinstance(value, dict):
        return FORM + "range"
    return FORM + "number" if isinstance(value, int) and not isinstance(value, bool) else None


Count = Annotated[
    Annotated[Annotated[int, Field(ge=1)], Tag(FORM + "number")] | Annotated[Range, Tag(FORM + "range")],
    Discriminator(_count_form),
    has_form(_count_form, "a number of at least 1, or {min, max}"),
]


class MetricValue(LanguageMapping):
    """The value of every metric that a name means."""

    min: FiniteFloat | None = Field(None, description="the smallest value that is allowed")
    max: FiniteFloat | None = Field(None, description="the largest value that is allowed")
    equals: FiniteFloat | None = Field(None, description="the only value that is allowed")

    @model_validator(mode="after")
    def _can_fail(self) -> Self:
        if self.equals is None:
            _check_bounds(self.min, self.max, negative=True)
        elif self.min is not None or self.max is not None:
            raise wrong("equals alone, or min and max", next_step="remove equals, or min and max")
        return self


class _SomeWord(LanguageMapping):
    @model_validator(mode="after")
    def _states_something(self) -> Self:
        if not self.model_fields_set:
            raise wrong(f"one of {', '.join(type(self).model_fields)}", code="FA204")
        return self


class ExpectedTokens(_SomeWord):
    """The tokens of prompts and completions together."""

    total: Range | None = Field(None, description="tokens of all calls to the model")
    per_input: Range | None = Field(None, description="tokens of each input")


class ExpectedCost(LanguageMapping):
    """The price of all tokens, by the prices of `flink_model_prices` in the ini file."""

    total: Range = Field(description="cost of all calls to the model")


class ExpectedLatency(_SomeWord):
    """The time from an input to its last output, in ms."""

    p50_ms: Range | None = Field(None, description="the median")
    p95_ms: Range | None = Field(None, description="the 95th percentile, by nearest rank")
    p99_ms: Range | None = Field(None, description="the 99th percentile")
    max_ms: Range | None = Field(None, description="the largest")


class ExpectedCheckpoints(_SomeWord):
    """The numbers of checkpoints on Flink."""

    completed: Range | None = Field(None, description="checkpoints that completed")
    failed: Range | None = Field(None, description="checkpoints that failed")


class ExpectedRecovery(_SomeWord):
    """The recovery of the job from each of its faults."""

    running_within: Delay | None = Field(
        None, description="the longest time from a fault until all tasks run again, like 20s"
    )
    first_output_within: Delay | None = Field(
        None, description="the longest time from a fault to the first output after it; the records travel through Kafka"
    )
    max_restarts: Annotated[int, Field(ge=0, le=10_000)] | None = Field(
        None, description="the largest number of restarts in the whole run"
    )


class ExpectedThroughput(LanguageMapping):
    """The rate at which the job handles inputs."""

    records_per_s: Range = Field(description="inputs in each second of the run")
