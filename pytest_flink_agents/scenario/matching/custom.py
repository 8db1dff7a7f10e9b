"""Matcher words that a plugin or a conftest.py adds.

Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from typing_extensions import override

from pytest_flink_agents.scenario.matching.matcher import Matcher, json_text
from pytest_flink_agents.scenario.matching.mismatch import Mismatch

if TYPE_CHECKING:
    from pytest_flink_agents.scenario.error import DocumentPath

# Takes the value seen and the value behind the word, and returns whether they match.
CustomMatcher: TypeAlias = Callable[[Any, Any], bool]
CustomMatchers: TypeAlias = Mapping[str, CustomMatcher]
NO_MATCHERS: CustomMatchers = MappingProxyType({})


class CustomMatcherError(Exception):
    """An added matcher crashed, or returned no bool: nothing is known of the value."""


@dataclass(frozen=True, slots=True)
class Custom(Matcher):
    """A value that the function of an added word accepts."""

    word: str
    wanted: Any
    function: CustomMatcher

    @property
    @override
    def text(self) -> str:
        return f"{self.word} {json_text(self.wanted)}"

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        try:
            # Copies, because a function that removes a key would change the evidence, and what it is asked next.
            answer = self.function(copy.deepcopy(seen), copy.deepcopy(self.wanted))
        except Exception as error:
            raise CustomMatcherError(f"the matcher {self.word} crashed: {type(error).__name__}: {error}") from error
        if not isinstance(answer, bool):
            raise CustomMatcherError(f"the matcher {self.word} returned {type(answer).__name__}, expected a bool")
        return [] if answer else self.differs(seen, at)

    @override
    def is_comparable(self, seen: Any) -> bool:
        # The function decides on values of every kind, or crashes, which never passes.
        return True
