"""What all mappings of the language have in common.

Must never import: yaml, pytest.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")

# YAML has lists; a frozen value keeps them as tuples. Only this one step is not strict, the items are.
Items = Annotated[tuple[T, ...], Field(strict=False)]
SomeItems = Annotated[tuple[T, ...], Field(strict=False, min_length=1)]

# Begins the tag of each form of a value that has several, so that tags can be told from keys in pydantic's places.
FORM = "form:"


class LanguageMapping(BaseModel):
    """A mapping of the language: frozen, strict, unknown keys refused.

    ``not_yet`` lists the words of the language that belong here and that this version does not do.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    not_yet: ClassVar[frozenset[str]] = frozenset()
