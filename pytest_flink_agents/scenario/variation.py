"""The words that run a scenario in several ways.

Must never import: yaml, pytest, anything that starts something.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import Self

from pytest_flink_agents.scenario.mapping import LanguageMapping, SomeItems
from pytest_flink_agents.scenario.matrix import NAME
from pytest_flink_agents.scenario.scrub import parse_scrub
from pytest_flink_agents.scenario.words import wrong

_VALUE_CHARACTERS = 200


def _matrix_name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise wrong("a name of letters, digits and underscores, like parallelism")
    return text


def _matrix_value(value: Any) -> Any:
    if not isinstance(value, (str, int, float, bool)) or len(str(value)) > _VALUE_CHARACTERS:
        raise wrong(f"a number, true, false, or a string of at most {_VALUE_CHARACTERS} characters")
    return value


def _each_once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(map(json.dumps, values))) != len(values):
        raise wrong("each value once")
    return values


MatrixName = Annotated[str, AfterValidator(_matrix_name)]
MatrixValue = Annotated[
    Any, AfterValidator(_matrix_value), Field(json_schema_extra={"type": ["string", "number", "boolean"]})
]
Matrix = dict[MatrixName, Annotated[SomeItems[MatrixValue], AfterValidator(_each_once)]]


def _scrub_path(text: str) -> str:
    try:
        parse_scrub(text)
    except ValueError as error:
        raise wrong("a key, or a path like $.event.id or $.items[*].at", next_step=str(error)) from None
    return text


ScrubText = Annotated[str, AfterValidator(_scrub_path)]


class Repeat(LanguageMapping):
    """Several runs of the same scenario, each judged on its own.

    A scenario that passes often enough, and not always, is flaky.
    """

    runs: Annotated[int, Field(ge=2, le=1_000)] = Field(description="number of runs")
    min_pass: Annotated[int, Field(ge=1, le=1_000)] | None = Field(
        None, description="minimum number of runs that pass; default: all of them"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.required > self.runs:
            raise wrong(f"min_pass of at most {self.runs}, the number of runs")
        return self

    @property
    def required(self) -> int:
        """The number of runs that must pass."""
        return self.runs if self.min_pass is None else self.min_pass
