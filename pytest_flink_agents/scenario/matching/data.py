"""Matchers that look like the data they expect.

Scalars, mappings, lists and their parts.
Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from pytest_flink_agents.scenario.matching.matcher import Matcher, is_number, json_text
from pytest_flink_agents.scenario.matching.mismatch import ABSENT, Mismatch

if TYPE_CHECKING:
    from pytest_flink_agents.scenario.error import DocumentPath


@dataclass(frozen=True, slots=True)
class Scalar(Matcher):
    """An equal string, number, boolean or null."""

    value: str | float | bool | None

    @property
    @override
    def text(self) -> str:
        return json_text(self.value)

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        same_kind = isinstance(seen, bool) == isinstance(self.value, bool)
        return [] if same_kind and seen == self.value else self.differs(seen, at)

    @override
    def is_comparable(self, seen: Any) -> bool:
        if self.value is None:
            # "not null" means that there is a value of any kind.
            return True
        if isinstance(self.value, (str, bool)):
            return isinstance(seen, type(self.value))
        return is_number(seen)


@dataclass(frozen=True, slots=True)
class Fields(Matcher):
    """A mapping whose values match key by key.

    With ``exact`` there may be no other key.
    """

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

    @override
    def is_comparable(self, seen: Any) -> bool:
        if not isinstance(seen, dict) or (self.exact and seen.keys() - self.entries.keys()):
            return False
        return all(key in seen and entry.is_comparable(seen[key]) for key, entry in self.entries.items())


@dataclass(frozen=True, slots=True)
class ListOf(Matcher):
    """A list of the same length that matches item by item."""

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

    @override
    def is_comparable(self, seen: Any) -> bool:
        return isinstance(seen, (list, tuple))


@dataclass(frozen=True, slots=True)
class ContainsText(Matcher):
    """A string with a given part, or a list with that item."""

    part: str

    @property
    @override
    def text(self) -> str:
        return f"something that contains {json_text(self.part)}"

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        return [] if self.is_comparable(seen) and self.part in seen else self.differs(seen, at)

    @override
    def is_comparable(self, seen: Any) -> bool:
        return isinstance(seen, (str, list, tuple))


@dataclass(frozen=True, slots=True)
class ContainsItems(Matcher):
    """A list in which each of the expected items is found somewhere."""

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

    @override
    def is_comparable(self, seen: Any) -> bool:
        return isinstance(seen, (list, tuple))
