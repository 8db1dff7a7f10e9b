"""The word ``expect.outputs``: a list of all outputs, or statements on all of them.

Must never import: yaml, pytest.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator
from typing_extensions import Self

from pytest_flink_agents.scenario.expectation.amounts import Count
from pytest_flink_agents.scenario.mapping import Items, LanguageMapping, list_or_mapping
from pytest_flink_agents.scenario.words import FORM, JmesPath, has_form, wrong


class ExpectedOutput(LanguageMapping):
    """One expected output. Key and value are matchers; plain values mean equality."""

    key: Any = Field(description="the key of the output")
    value: Any = Field(description="the output: a value, or a matcher such as {contains: text}")


class ExpectedOutputs(LanguageMapping):
    """Statements on outputs that are too many to list; there must be an output."""

    count: Count | None = Field(None, description="number of outputs")
    each: Any = Field(None, description="a matcher that the value of every output matches")
    distinct: JmesPath | None = Field(
        None, description="JMESPath to the part that every value has and no two share; `@` is the whole value"
    )

    @model_validator(mode="after")
    def _states_something(self) -> Self:
        if not self.model_fields_set:
            raise wrong("count, each or distinct", code="FA204")
        return self


Outputs = Annotated[
    Annotated[Items[ExpectedOutput], Tag(FORM + "list")] | Annotated[ExpectedOutputs, Tag(FORM + "mapping")],
    Discriminator(list_or_mapping),
    has_form(list_or_mapping, "a list of outputs, or {count, each, distinct}"),
]
