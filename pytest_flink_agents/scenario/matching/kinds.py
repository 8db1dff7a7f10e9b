"""The kinds of matcher, each with its way to compare and its way to say what it wants.

They are made by :mod:`matchers` out of the scenario's words. Comparing never raises and runs nothing of the user.
Values are JSON: a boolean equals no number, a whole number equals the same real number.
Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from flink_testbed.core.patterns import Pattern, TooSlowError
from pytest_flink_agents.scenario.matching.mismatch import ABSENT, Mismatch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_flink_agents.scenario.error import DocumentPath

_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Matcher(ABC):
    """What a value must be like. ``path`` is where the scenario says so."""

    path: DocumentPath

    def match(self, seen: Any) -> list[Mismatch]:
        """Every place where ``seen`` differs; empty means that it matches."""
        return self.compare(seen, ())

    @property
    @abstractmethod
    def text(self) -> str:
        """What is wanted, in a few words."""

    @abstractmethod
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        """As :meth:`match`, for a value that stands at ``at`` in a larger one."""

    def differs(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        """Return the one mismatch that the value as a whole is not what is wanted."""
        return [Mismatch(self.path, self.text, seen, at)]


def json_text(value: Any) -> str:
    """Return a value as JSON, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."


def is_number(value: Any) -> bool:
    """Whether a value is a JSON number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Scalar(Matcher):
    """A text, number, boolean or null that is equal."""

    value: str | float | bool | None

    @property
    @override
    def text(self) -> str:
        return json_text(self.value)

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        same_kind = isinstance(seen, bool) == isinstance(self.value, bool)
        return [] if same_kind and seen == self.value else self.differs(seen, at)


@dataclass(frozen=True, slots=True)
class Fields(Matcher):
    """A mapping whose values match key by key; with ``exact`` there may be no other key."""

    entries: Mapping[str, Matcher]
    exact: bool

    @property
    @override
    def text(self) -> str:
        listed = ", ".join(f"{key}: {entry.text}" for key, entry in self.entries.items())
        return f"{{{listed}}}" if self.exact else f"a mapping with {listed}"

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        if not isinstance(seen, dict):
            return self.differs(seen, at)
        found: list[Mismatch] = []
        for key, entry in self.entries.items():
            if key in seen:
                found += entry.compare(seen[key], (*at, key))
            else:
                found.append(Mismatch(entry.path, entry.text, ABSENT, (*at, key)))
        if self.exact:
            extra = [key for key in seen if key not in self.entries]
            found += [Mismatch(self.path, f"no key {json_text(key)}", seen[key], (*at, key)) for key in extra]
        return found


@dataclass(frozen=True, slots=True)
class ListOf(Matcher):
    """A list that matches item by item, and is as long."""

    items: tuple[Matcher, ...]

    @property
    @override
    def text(self) -> str:
        return f"[{', '.join(item.text for item in self.items)}]"

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        if not isinstance(seen, (list, tuple)):
            return self.differs(seen, at)
        found: list[Mismatch] = []
        for index, (item, value) in enumerate(zip(self.items, seen, strict=False)):
            found += item.compare(value, (*at, index))
        missing = self.items[len(seen) :]
        found += [Mismatch(item.path, item.text, ABSENT, (*at, len(seen) + n)) for n, item in enumerate(missing)]
        if len(seen) > len(self.items):
            found.append(Mismatch(self.path, f"a list of {len(self.items)}", seen, at))
        return found


@dataclass(frozen=True, slots=True)
class ContainsText(Matcher):
    """A text that holds another; or a list with that text as an item."""

    part: str

    @property
    @override
    def text(self) -> str:
        return f"something that contains {json_text(self.part)}"

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        return [] if isinstance(seen, (str, list, tuple)) and self.part in seen else self.differs(seen, at)


@dataclass(frozen=True, slots=True)
class ContainsItems(Matcher):
    """A list in which each of the wanted items is found somewhere."""

    items: tuple[Matcher, ...]

    @property
    @override
    def text(self) -> str:
        return f"a list that contains {', '.join(item.text for item in self.items)}"

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        if not isinstance(seen, (list, tuple)):
            return self.differs(seen, at)
        absent = [item for item in self.items if all(item.compare(value, at) for value in seen)]
        return [Mismatch(item.path, f"an item that is {item.text}", seen, at) for item in absent]


@dataclass(frozen=True, slots=True)
class Found(Matcher):
    """A text in which a regular expression is found, within a second."""

    pattern: Pattern

    @property
    @override
    def text(self) -> str:
        return f"text that matches the pattern {self.pattern.text}"

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        if not isinstance(seen, str):
            return self.differs(seen, at)
        try:
            return [] if self.pattern.is_found(seen) else self.differs(seen, at)
        except TooSlowError as error:
            return [Mismatch(self.path, f"{self.text} ({error})", seen, at)]


@dataclass(frozen=True, slots=True)
class Approx(Matcher):
    """A number not farther than ``tolerance`` from another."""

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


@dataclass(frozen=True, slots=True)
class OneOf(Matcher):
    """Something that at least one of several matchers matches."""

    choices: tuple[Matcher, ...]

    @property
    @override
    def text(self) -> str:
        return "one of " + ", ".join(choice.text for choice in self.choices)

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        return [] if any(not choice.compare(seen, at) for choice in self.choices) else self.differs(seen, at)


@dataclass(frozen=True, slots=True)
class Anything(Matcher):
    """Any value at all, or any of one kind: ``string``, ``number``, ``bool`` or ``value``."""

    kind: str

    @property
    @override
    def text(self) -> str:
        return {"string": "any text", "number": "any number", "bool": "true or false", "value": "anything"}[self.kind]

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        fits = {
            "string": isinstance(seen, str),
            "number": is_number(seen),
            "bool": isinstance(seen, bool),
            "value": True,
        }
        return [] if fits[self.kind] else self.differs(seen, at)


@dataclass(frozen=True, slots=True)
class Not(Matcher):
    """Something that another matcher does not match."""

    inner: Matcher

    @property
    @override
    def text(self) -> str:
        return f"anything but {self.inner.text}"

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        return [] if self.inner.compare(seen, at) else self.differs(seen, at)


@dataclass(frozen=True, slots=True)
class Each(Matcher):
    """A list whose every item matches. An empty list does not: nothing seen proves nothing."""

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


@dataclass(frozen=True, slots=True)
class Length(Matcher):
    """A text, list or mapping with ``least`` to ``most`` characters, items or keys; ``most`` None has no limit."""

    least: int
    most: int | None

    @property
    @override
    def text(self) -> str:
        if self.least == self.most:
            return f"a length of {self.least}"
        return f"a length of {self.least} or more" if self.most is None else f"a length of {self.least} to {self.most}"

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        has_length = isinstance(seen, (str, list, tuple, dict))
        fits = has_length and self.least <= len(seen) and (self.most is None or len(seen) <= self.most)
        return [] if fits else self.differs(seen, at)
