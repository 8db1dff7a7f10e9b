"""The base class of all mappings of the language.

Must never import: yaml, pytest.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

from pytest_flink_agents.scenario.words import FORM, wrong

T = TypeVar("T")

# YAML has lists, and a frozen value needs tuples. Only this conversion is not strict; the items
# are.
Items = Annotated[tuple[T, ...], Field(strict=False)]
SomeItems = Annotated[tuple[T, ...], Field(strict=False, min_length=1)]


def list_or_mapping(value: Any) -> str | None:
    """Return the tag of a word's form that is a list or a mapping, None for any other value."""
    if isinstance(value, list):
        return FORM + "list"
    return FORM + "mapping" if isinstance(value, dict) else None


class LanguageMapping(BaseModel):
    """A mapping of the language: frozen, strict, without unknown keys.

    ``noun`` is what messages call a whole document. ``not_yet`` lists words that belong here and that this
    version does not support. A word without a
    value is refused: an expectation that is written and empty would pass every run. Only data of any
    kind, such as a key, may be null.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    noun: ClassVar[str] = "scenario"
    not_yet: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="after")
    def _no_word_is_empty(self) -> Self:
        fields = type(self).model_fields
        for word in self.model_fields_set:
            if getattr(self, word) is None and fields[word].annotation is not Any:
                name = fields[word].alias or word
                next_step = "write its value, or remove the word"
                raise wrong("a value", message=f"the word {name} has no value", next_step=next_step)
        return self
