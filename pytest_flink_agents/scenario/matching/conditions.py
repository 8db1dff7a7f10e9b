"""Matchers that state a condition: patterns, numbers near another, choices, negation, lengths.

Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from flink_testbed.core.patterns import Pattern
from pytest_flink_agents.scenario.matching.matcher import Matcher, is_number, json_text

if TYPE_CHECKING:
    from pytest_flink_agents.scenario.error import DocumentPath
    from pytest_flink_agents.scenario.matching.mismatch import Mismatch


# Each word for a bound of a number: how a failure says it, and what it means.
BOUNDS: Mapping[str, tuple[str, Callable[[float, float], bool]]] = {
    "gt": ("greater than", operator.gt),
    "ge": ("at least", operator.ge),
    "lt": ("less than", operator.lt),
    "le": ("at most", operator.le),
}


@dataclass(frozen=True, slots=True)
class Found(Matcher):
    """A string in which a regular expression is found."""

    pattern: Pattern

    @property
    @override
    def text(self) -> str:
        return f"a string that matches the pattern {self.pattern.text}"

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        # TooSlowError passes through: as a mismatch, it would make a negation around this matcher
        # pass.
        return [] if isinstance(seen, str) and self.pattern.is_found(seen) else self.differs(seen, at)

    @override
    def is_comparable(self, seen: Any) -> bool:
        return isinstance(seen, str)


@dataclass(frozen=True, slots=True)
class StartsWith(Matcher):
    """A string with these characters at its start."""

    start: str

    @property
    @override
    def text(self) -> str:
        return f"a string that starts with {json_text(self.start)}"

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        return [] if isinstance(seen, str) and seen.startswith(self.start) else self.differs(seen, at)

    @override
    def is_comparable(self, seen: Any) -> bool:
        return isinstance(seen, str)


@dataclass(frozen=True, slots=True)
class Bounded(Matcher):
    """A number within all ``limits``, by the words of :data:`BOUNDS`."""

    limits: Mapping[str, float]

    @property
    @override
    def text(self) -> str:
        return "a number that is " + " and ".join(
            f"{BOUNDS[word][0]} {json_text(limit)}" for word, limit in self.limits.items()
        )

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        fits = is_number(seen) and all(BOUNDS[word][1](seen, limit) for word, limit in self.limits.items())
        return [] if fits else self.differs(seen, at)

    @override
    def is_comparable(self, seen: Any) -> bool:
        return is_number(seen)


@dataclass(frozen=True, slots=True)
class Approx(Matcher):
    """A number that differs by at most ``tolerance`` from another."""

    value: float
    tolerance: float

    @property
    @override
    def text(self) -> str:
        return f"{self.value:g} give or take {self.tolerance:g}"

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        return [] if is_number(seen) and self._is_near(seen) else self.differs(seen, at)

    def _is_near(self, seen: float) -> bool:
        try:
            distance = abs(seen - self.value)
            # 20.1 is 0.1 away from 20 for people, and a little more for the machine.
            return distance <= self.tolerance or math.isclose(distance, self.tolerance)
        except OverflowError:
            return False

    @override
    def is_comparable(self, seen: Any) -> bool:
        return is_number(seen)


@dataclass(frozen=True, slots=True)
class OneOf(Matcher):
    """A value that at least one of several matchers matches."""

    choices: tuple[Matcher, ...]

    @property
    @override
    def text(self) -> str:
        return "one of " + ", ".join(choice.text for choice in self.choices)

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        return [] if any(not choice.compare(seen, at) for choice in self.choices) else self.differs(seen, at)

    @override
    def is_comparable(self, seen: Any) -> bool:
        return any(choice.is_comparable(seen) for choice in self.choices)


@dataclass(frozen=True, slots=True)
class Anything(Matcher):
    """Any value, or any value of one kind.

    Kinds are ``string``, ``number``, ``bool`` and ``value``.
    """

    kind: str

    @property
    @override
    def text(self) -> str:
        return {"string": "any string", "number": "any number", "bool": "true or false", "value": "anything"}[self.kind]

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        fits = {
            "string": isinstance(seen, str),
            "number": is_number(seen),
            "bool": isinstance(seen, bool),
            "value": True,
        }
        return [] if fits[self.kind] else self.differs(seen, at)

    @override
    def is_comparable(self, seen: Any) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Not(Matcher):
    """A value that another matcher could match, and does not match."""

    inner: Matcher

    @property
    @override
    def text(self) -> str:
        return f"a value of the same kind, but not {self.inner.text}"

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        fits = self.inner.is_comparable(seen) and self.inner.compare(seen, at)
        return [] if fits else self.differs(seen, at)

    @override
    def is_comparable(self, seen: Any) -> bool:
        return self.inner.is_comparable(seen)


@dataclass(frozen=True, slots=True)
class Each(Matcher):
    """A list whose every item matches.

    An empty list does not match, since it proves nothing.
    """

    inner: Matcher

    @property
    @override
    def text(self) -> str:
        return f"a list, not empty, of {self.inner.text}"

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        if not isinstance(seen, (list, tuple)) or not seen:
            return self.differs(seen, at)
        found: list[Mismatch] = []
        for index, value in enumerate(seen):
            found += self.inner.compare(value, (*at, index))
        return found

    @override
    def is_comparable(self, seen: Any) -> bool:
        return isinstance(seen, (list, tuple))


@dataclass(frozen=True, slots=True)
class Length(Matcher):
    """A string, list or mapping of a length between two bounds.

    The length counts characters, items or keys. A ``maximum`` of None means no bound.
    """

    minimum: int
    maximum: int | None

    @property
    @override
    def text(self) -> str:
        if self.minimum == self.maximum:
            return f"a length of {self.minimum}"
        if self.maximum is None:
            return f"a length of {self.minimum} or more"
        return f"a length of {self.minimum} to {self.maximum}"

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        fits = self.is_comparable(seen) and self.minimum <= len(seen)
        return [] if fits and (self.maximum is None or len(seen) <= self.maximum) else self.differs(seen, at)

    @override
    def is_comparable(self, seen: Any) -> bool:
        return isinstance(seen, (str, list, tuple, dict))
