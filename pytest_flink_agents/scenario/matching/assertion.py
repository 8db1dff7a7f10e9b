"""Matchers of the language in assertions of Python tests.

Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

import math
from typing import Any, final

from pytest_flink_agents.scenario.matching.matcher import json_text
from pytest_flink_agents.scenario.matching.matchers import MatcherError, compile_matcher
from pytest_flink_agents.scenario.matching.mismatch import ABSENT


def matches(wanted: Any) -> Any:
    """Return an object that equals every value that a matcher of the language accepts.

    ``assert output.value == matches({"total": {"approx": {"value": 3, "abs": 0.1}}})``

    ``wanted`` is written as in a scenario; all words that the language itself has may stand in it. A
    failed assertion shows each place that differs. Raises ``ValueError`` for what is no matcher, or
    for one that cannot fail.
    """
    return Expected(wanted)


@final
class Expected:
    """The result of :func:`matches`."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, wanted: Any) -> None:
        self._wanted = as_written(wanted)
        _require_json(self._wanted)
        try:
            self._matcher = compile_matcher(self._wanted)
        except MatcherError as error:
            raise ValueError(f"matches: {error}") from None

    def __eq__(self, seen: object) -> bool:
        return not self._matcher.match(seen)

    def __repr__(self) -> str:
        return f"matches({self._wanted!r})"

    @property
    def wanted(self) -> Any:
        """The argument of :func:`matches`, as plain data."""
        return self._wanted

    def differences(self, seen: Any, at: tuple[str, ...] = ()) -> list[str]:
        """Return one line for each place where a value differs, which is itself ``at`` a place of a larger one."""
        return [
            f"at {'.'.join((*at, *map(str, one.at))) or one.place}: expected {one.expected_text}, "
            f"seen {'nothing' if one.seen is ABSENT else json_text(one.seen)}"
            for one in self._matcher.match(seen)
        ]


def explained(op: str, left: object, right: object) -> list[str] | None:
    """Return the lines of a failed comparison for pytest, None if no matcher takes part in it."""
    if op != "==" or not (_takes_part(left) or _takes_part(right)):
        return None
    expected, seen = (right, left) if _takes_part(right) else (left, right)
    return [f"{_shown(seen)} == {_shown(expected)}", *_differences(expected, seen, ())]


def _takes_part(value: object) -> bool:
    """Return whether a value is a matcher, or a list or mapping with one in it."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return isinstance(value, Expected) or any(map(_takes_part, inside))


def _shown(value: object) -> str:
    return repr(value) if _takes_part(value) else json_text(value)


def _differences(expected: Any, seen: Any, at: tuple[str, ...]) -> list[str]:
    """Return one line for each place where a value differs from one that has matchers in it."""
    if isinstance(expected, Expected):
        return expected.differences(seen, at)
    if isinstance(expected, dict) and isinstance(seen, dict):
        found = [line for key in expected for line in _of_part(expected, seen, key, key in seen, at)]
        return found + [
            f"at {_place(at, key)}: expected nothing, seen {_shown(seen[key])}" for key in seen if key not in expected
        ]
    if isinstance(expected, (list, tuple)) and type(expected) is type(seen):
        found = [
            line for index in range(len(expected)) for line in _of_part(expected, seen, index, index < len(seen), at)
        ]
        more = range(len(expected), len(seen))
        return found + [f"at {_place(at, index)}: expected nothing, seen {_shown(seen[index])}" for index in more]
    if expected == seen:
        return []
    return [f"at {'.'.join(at) or 'the value itself'}: expected {_shown(expected)}, seen {_shown(seen)}"]


def _of_part(expected: Any, seen: Any, key: Any, is_there: bool, at: tuple[str, ...]) -> list[str]:
    if not is_there:
        return [f"at {_place(at, key)}: expected {_shown(expected[key])}, seen nothing"]
    return _differences(expected[key], seen[key], (*at, str(key)))


def _place(at: tuple[str, ...], key: Any) -> str:
    return ".".join((*at, str(key)))


def as_written(wanted: Any) -> Any:
    """Return a value with results of :func:`matches` inside it, and tuples, as a scenario has them."""
    if isinstance(wanted, Expected):
        return wanted.wanted
    if isinstance(wanted, dict):
        return {key: as_written(value) for key, value in wanted.items()}
    if isinstance(wanted, (list, tuple)):
        return [as_written(value) for value in wanted]
    return wanted


def _require_json(wanted: Any) -> None:
    """Raise ``ValueError`` for a number that no scenario can have: it is equal to nothing, or a bound of nothing."""
    inside = wanted.values() if isinstance(wanted, dict) else wanted if isinstance(wanted, list) else ()
    for value in inside:
        _require_json(value)
    if isinstance(wanted, float) and not math.isfinite(wanted):
        raise ValueError(f"matches: {wanted} is not a number of JSON")
