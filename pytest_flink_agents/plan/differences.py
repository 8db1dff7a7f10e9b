"""The differences of two agent plans, each with its JSON path in the canonical form.

Must never import: pydantic, pytest, anything that starts something.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_flink_agents.plan.canonical import canonical_plan

_NAME = re.compile(r"[A-Za-z_]\w*")


class Absent:
    """The value of a field that one of the plans does not have."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class PlanDifference:
    """A place in which two plans differ.

    ``path`` is a JSON path like ``$.actions.pay.config['max.tries']``; ``expected`` and ``seen`` are
    plain JSON values, or ``ABSENT``.
    """

    path: str
    expected: Any
    seen: Any

    @property
    def in_words(self) -> str:
        """The difference as a line of text, its values as JSON."""
        return f"{self.path}: expected {as_text(self.expected)}, seen {as_text(self.seen)}"


def plan_differences(expected: Mapping[str, Any], seen: Mapping[str, Any]) -> tuple[PlanDifference, ...]:
    """Return the differences of a plan from an expected one in the order of their paths.

    Both are JSON objects in any dialect. A part that is absent is one difference, not one for each
    field below it. ``1``, ``1.0`` and ``true`` are three values.
    """
    return value_differences(canonical_plan(expected), canonical_plan(seen))


def value_differences(expected: Any, seen: Any) -> tuple[PlanDifference, ...]:
    """Return the differences of two JSON values, as :func:`plan_differences` does, without a canonical form."""
    return tuple(_differences("$", expected, seen))


def as_text(value: Any) -> str:
    """Return a value of a difference as JSON, or the word *absent*."""
    return repr(value) if value is ABSENT else json.dumps(value, ensure_ascii=False, default=str)


def _differences(path: str, expected: Any, seen: Any) -> Iterator[PlanDifference]:
    if isinstance(expected, Mapping) and isinstance(seen, Mapping):
        for key in sorted({*expected, *seen}):
            yield from _differences(_below(path, key), expected.get(key, ABSENT), seen.get(key, ABSENT))
    elif isinstance(expected, list) and isinstance(seen, list) and len(expected) == len(seen):
        for index, pair in enumerate(zip(expected, seen, strict=True)):
            yield from _differences(f"{path}[{index}]", *pair)
    elif type(expected) is not type(seen) or expected != seen:
        yield PlanDifference(path, expected, seen)


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if _NAME.fullmatch(key) else f"{path}[{json.dumps(key, ensure_ascii=False)}]"
