"""The word ``expect.effects``: the calls that an agent makes to the endpoints of ``effects``.

Must never import: yaml, pytest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator
from typing_extensions import Self

from flink_testbed.core.problem import nearest
from pytest_flink_agents.scenario.error import DocumentPath, Mistake, path_text
from pytest_flink_agents.scenario.expectation.amounts import Count
from pytest_flink_agents.scenario.mapping import LanguageMapping
from pytest_flink_agents.scenario.words import FORM, has_form, wrong

# The words of a call whose values are matchers.
PARTS = ("json", "text", "query", "path")


class ExpectedCall(LanguageMapping):
    """The parts of a call, each a matcher; only what is named counts."""

    # `json` would hide a method of the base class.
    json_: Any = Field(None, alias="json", description="the body as JSON")
    text: Any = Field(None, description="the body as text, if it is no JSON")
    query: Any = Field(None, description="the query by name, as strings; a name that is there several times has a list")
    path: Any = Field(None, description="the path of the request")

    @model_validator(mode="after")
    def _states_something(self) -> Self:
        if not self.model_fields_set:
            raise wrong(f"one of {', '.join(PARTS)}", code="FA204")
        return self


class ExpectedCalls(LanguageMapping):
    """The calls of one endpoint.

    Counted are the calls that had an effect: not those that a status of 400 or more refused, and not a
    repetition that an idempotent endpoint recognised.
    """

    count: Count | None = Field(None, description="number of calls")
    per_input: Count | None = Field(None, description="number of calls for each input")
    each: ExpectedCall | None = Field(None, description="what every call must have; there must be a call")
    order: Literal["per_key"] | None = Field(None, description="per_key: calls of a key in the order of its inputs")

    @model_validator(mode="after")
    def _states_something(self) -> Self:
        if not self.model_fields_set:
            raise wrong("count, per_input, each or order", code="FA204", next_step="write none if there may be no call")
        return self


def _calls_form(value: Any) -> str | None:
    if isinstance(value, dict):
        return FORM + "calls"
    return FORM + "none" if value == "none" else None


Calls = Annotated[
    Annotated[Literal["none"], Tag(FORM + "none")] | Annotated[ExpectedCalls, Tag(FORM + "calls")],
    Discriminator(_calls_form),
    has_form(_calls_form, "none, or a mapping with count, per_input, each or order"),
]


def endpoint_mistakes(effects: Any, named: Iterable[tuple[DocumentPath, str]]) -> Iterator[Mistake]:
    """Yield the endpoints that a scenario names by place and ``effects``, a plain value, does not declare.

    The name is the last step of its place, or the value there.
    """
    declared = (
        [str(one["name"]) for one in effects if isinstance(one, dict) and "name" in one]
        if isinstance(effects, list)
        else []
    )
    for path, name in named:
        if name not in declared:
            near = nearest(name, declared)
            known = f"one of {', '.join(dict.fromkeys(declared))}" if declared else "an endpoint of `effects`"
            next_step = f'did you mean "{near}"?' if near else "declare it under effects"
            message = f"no endpoint has this name: {path_text(path)}"
            yield Mistake("FA203", path, message, known, name, next_step, at_key=path[-1] == name)
