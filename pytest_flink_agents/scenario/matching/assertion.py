"""Matchers of the language in assertions of Python tests.

Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

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
        self._wanted = _plain(wanted)
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

    def differences(self, seen: Any) -> list[str]:
        """Return one line for each place where a value differs."""
        return [
            f"at {one.place}: expected {one.expected_text}, "
            f"seen {'nothing' if one.seen is ABSENT else json_text(one.seen)}"
            for one in self._matcher.match(seen)
        ]


def explained(op: str, left: object, right: object) -> list[str] | None:
    """Return the lines of a failed comparison for pytest, None if no matcher takes part in it."""
    expected, seen = (right, left) if isinstance(right, Expected) else (left, right)
    if op != "==" or not isinstance(expected, Expected):
        return None
    return [f"{json_text(seen)} == {expected!r}", *expected.differences(seen)]


def _plain(wanted: Any) -> Any:
    """Return the value with results of :func:`matches` inside it, and tuples, as a scenario has them."""
    if isinstance(wanted, Expected):
        return wanted.wanted
    if isinstance(wanted, dict):
        return {key: _plain(value) for key, value in wanted.items()}
    if isinstance(wanted, (list, tuple)):
        return [_plain(value) for value in wanted]
    return wanted
