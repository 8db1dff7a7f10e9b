"""The mistakes in matchers, collected while they are compiled.

Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

from typing import Any

from pytest_flink_agents.scenario.error import DocumentPath, Mistake, describe
from pytest_flink_agents.scenario.matching.conditions import Anything
from pytest_flink_agents.scenario.matching.matcher import Matcher


class MatcherMistakes:
    """A list of mistakes, and a method for each kind, which returns a placeholder for the matcher."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []

    def _cannot_fail(self, path: DocumentPath, value: Any) -> Matcher:
        message = f"a matcher that cannot fail: {path[-1]}"
        return self._wrong(path, message, "FA209", "something that a wrong output does not match", describe(value))

    def _cannot_match(self, path: DocumentPath, value: Any) -> Matcher:
        message = f"a matcher that can never match: {path[-1]}"
        return self._wrong(path, message, "FA209", "something that a right output matches", describe(value))

    def _wrong(
        self,
        path: DocumentPath,
        message: str,
        code: str = "FA203",
        expected: str = "",
        seen: str = "",
        next_step: str = "",
        *,
        at_key: bool = False,
    ) -> Matcher:
        """Record a mistake.

        The returned matcher is a placeholder, since compiling ends in an error.
        """
        self.mistakes.append(Mistake(code, path, message, expected, seen, next_step, at_key=at_key))
        return Anything(path, "value")
