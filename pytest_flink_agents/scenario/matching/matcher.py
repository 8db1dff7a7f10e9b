"""The interface of all matchers, and the wording of values.

Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_flink_agents.scenario.matching.mismatch import Mismatch

if TYPE_CHECKING:
    from pytest_flink_agents.scenario.error import DocumentPath

_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Matcher(ABC):
    """An expectation of one value; ``path`` is its place in the scenario.

    Values are JSON: a boolean equals no number, and an int equals the same float. Comparing runs no
    code of the user, but for the matchers that plugins add.
    """

    path: DocumentPath

    def match(self, seen: Any) -> list[Mismatch]:
        """Return every place where ``seen`` differs; empty if it matches.

        Raises :class:`~flink_testbed.core.patterns.TooSlowError` if a pattern takes too long.
        """
        return self.compare(seen, ())

    @property
    @abstractmethod
    def text(self) -> str:
        """The expectation in a few words."""

    @abstractmethod
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        """Compare like :meth:`match`, for a value inside a larger one.

        ``at`` is its place there.
        """

    @abstractmethod
    def is_comparable(self, seen: Any) -> bool:
        """Return whether this matcher could match values of this kind.

        A negation needs it: "not this string" is true of every number, and so would check nothing.
        """

    def differs(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        """Return one mismatch about the value as a whole."""
        return [Mismatch(self.path, self.text, seen, at)]


def json_text(value: Any) -> str:
    """Return a value as JSON, truncated if it is long."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."


def is_number(value: Any) -> bool:
    """Return whether a value is a JSON number, which NaN is not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value
