"""The matching words of the language: an expected value into a :class:`Matcher`, at load, so that mistakes show early.

A plain value means equality, through mappings and lists. A mapping with one key, a matching word, is that matcher:

    equals: VALUE            equal, and no word inside is a matcher: how to expect data that looks like one
    contains: TEXT           a text that holds it, or a list with it as an item
    contains: {key: ...}     a mapping with at least these keys, their values matched
    contains: [...]          a list with these items somewhere, each matched; of one item without brackets
    regex: PATTERN           a text in which the pattern is found
    approx: {value: 20, abs: 0.5}      a number, `abs` or `rel` away at most
    one_of: [...]            matched by one of these
    any_string, any_number, any_bool, any_value: true
    not: ...                 not matched by this
    each: ...                a list, not empty, whose every item is matched
    length: 3 or {min: 1, max: 5}      of a text, list or mapping

A matcher that cannot fail, or can never match, is a mistake.
Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from flink_testbed.core.patterns import compile_pattern
from flink_testbed.core.problem import Problem
from pytest_flink_agents.scenario.error import NOT_YET, DocumentPath, Mistake, ScenarioError, describe, path_text
from pytest_flink_agents.scenario.matching.kinds import (
    Anything,
    Approx,
    ContainsItems,
    ContainsText,
    Each,
    Fields,
    Found,
    Length,
    ListOf,
    Matcher,
    Not,
    OneOf,
    Scalar,
    is_number,
)
from pytest_flink_agents.scenario.matching.mismatch import ABSENT, Mismatch
from pytest_flink_agents.scenario.matching.vacuous import always_found

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["ABSENT", "Matcher", "MatcherError", "Mismatch", "compile_matcher", "is_plain"]

_NOT_YET = "schema"
# Stricter than for unknown keys: a mapping with one key is data in the first place, and `note` is not `not`.
_MISTYPED = 0.8


class MatcherError(ScenarioError):
    """An expected value that is no sound matcher; ``mistakes`` are its problems by path in the document."""

    def __init__(self, *mistakes: Mistake) -> None:
        super().__init__(
            *(
                Problem(one.code, one.message, path_text(one.path), one.expected, one.seen, one.next_step)
                for one in mistakes
            )
        )
        self.mistakes = mistakes


def compile_matcher(value: Any, path: DocumentPath = ()) -> Matcher:
    """Return the matcher that an expected value means; ``path`` is where it stands in the document.

    Raises :class:`MatcherError` with everything that is wrong in it.
    """
    compiler = _Compiler()
    matcher = compiler.matcher(value, path)
    if compiler.mistakes:
        raise MatcherError(*compiler.mistakes)
    return matcher


def is_plain(value: Any) -> bool:
    """Whether an expected value is a text, number, boolean or null, so that it can be compared without a matcher."""
    return value is None or isinstance(value, (str, int, float))


def _word(value: Any) -> str | None:
    """Return the matching word that a mapping is about, None where it is data."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    word: str = next(iter(value))
    return word if word in _WORDS or word == _NOT_YET else None


class _Compiler:
    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []

    def matcher(self, value: Any, path: DocumentPath) -> Matcher:
        """Return the matcher of a value in which matching words count."""
        if (word := _word(value)) is not None:
            at = (*path, word)
            if word in _WORDS:
                return _WORDS[word](self, value[word], at)
            return self._wrong(at, f'"{word}" is {NOT_YET}', "FA205", at_key=True)
        if isinstance(value, dict):
            if len(value) > 1 and all(key in _WORDS or key == _NOT_YET for key in value):
                message = f"{len(value)} matching words in one mapping"
                next_step = "keep one word a mapping; if this is data, write {equals: {...}}"
                return self._wrong(path, message, expected="one matching word, or data", next_step=next_step)
            return Fields(path, {key: self.matcher(item, (*path, key)) for key, item in value.items()}, exact=True)
        if isinstance(value, list):
            return ListOf(path, self._each_of(value, path))
        return Scalar(path, value)

    def equals(self, value: Any, path: DocumentPath) -> Matcher:
        """Return the matcher of a value in which everything is data."""
        if isinstance(value, dict):
            return Fields(path, {key: self.equals(item, (*path, key)) for key, item in value.items()}, exact=True)
        if isinstance(value, list):
            return ListOf(path, tuple(self.equals(item, (*path, index)) for index, item in enumerate(value)))
        return Scalar(path, value)

    def contains(self, value: Any, path: DocumentPath) -> Matcher:
        if value in ("", {}, []):
            return self._cannot_fail(path, value)
        if isinstance(value, str):
            return ContainsText(path, value)
        if isinstance(value, list):
            return ContainsItems(path, self._each_of(value, path))
        if _word(value) is None and isinstance(value, dict):
            return Fields(path, {key: self.matcher(item, (*path, key)) for key, item in value.items()}, exact=False)
        return ContainsItems(path, (self.matcher(value, path),))

    def regex(self, value: Any, path: DocumentPath) -> Matcher:
        if not isinstance(value, str):
            return self._wrong(path, "wrong value for regex", expected="a pattern, as text", seen=describe(value))
        try:
            pattern = compile_pattern(value)
        except ValueError as error:
            return self._wrong(
                path, "wrong value for regex", expected="a pattern", seen=describe(value), next_step=str(error)
            )
        return self._cannot_fail(path, value) if always_found(value) else Found(path, pattern)

    def approx(self, value: Any, path: DocumentPath) -> Matcher:
        expected = "{value: NUMBER, abs: NUMBER} or {value: NUMBER, rel: NUMBER}, nothing below 0 but the value"
        sound = (
            isinstance(value, dict)
            and set(value) in ({"value", "abs"}, {"value", "rel"})
            and all(is_number(number) for number in value.values())
            and value.get("abs", 0) >= 0
            and value.get("rel", 0) >= 0
        )
        if not sound:
            return self._wrong(path, "wrong value for approx", expected=expected, seen=describe(value))
        tolerance = value["abs"] if "abs" in value else value["rel"] * abs(value["value"])
        return Approx(path, value["value"], tolerance)

    def one_of(self, value: Any, path: DocumentPath) -> Matcher:
        if not isinstance(value, list):
            return self._wrong(path, "wrong value for one_of", expected="a list", seen=describe(value))
        if not value:
            return self._cannot_match(path, value)
        if any(_takes_all(choice) for choice in value):
            return self._cannot_fail(path, value)
        return OneOf(path, self._each_of(value, path))

    def anything(self, value: Any, path: DocumentPath) -> Matcher:
        if value is not True:
            return self._wrong(path, f"wrong value for {path[-1]}", expected="true", seen=describe(value))
        return Anything(path, str(path[-1]).removeprefix("any_"))

    def negation(self, value: Any, path: DocumentPath) -> Matcher:
        if _takes_all(value):
            return self._cannot_match(path, value)
        # Here a mistyped word would be data that never comes, and so would match for ever.
        if isinstance(value, dict) and len(value) == 1 and _word(value) is None:
            word = next(iter(value))
            if near := difflib.get_close_matches(word, _WORDS.keys() - {"not"}, n=1, cutoff=_MISTYPED):
                next_step = f'did you mean "{near[0]}"? If it is data, write {{equals: {{...}}}}'
                return self._wrong(
                    (*path, word), f'"{word}" is no matching word', "FA209", next_step=next_step, at_key=True
                )
        return Not(path, self.matcher(value, path))

    def each(self, value: Any, path: DocumentPath) -> Matcher:
        if _takes_all(value):
            return self._cannot_fail(path, value)
        return Each(path, self.matcher(value, path))

    def length(self, value: Any, path: DocumentPath) -> Matcher:
        bounds = {"min": value, "max": value} if not isinstance(value, dict) else value
        whole = all(isinstance(bound, int) and not isinstance(bound, bool) for bound in bounds.values())
        if not bounds or not bounds.keys() <= {"min", "max"} or not whole:
            expected = "a whole number, or {min: NUMBER, max: NUMBER}"
            return self._wrong(path, "wrong value for length", expected=expected, seen=describe(value))
        least, most = bounds.get("min", 0), bounds.get("max")
        if most is not None and most < max(0, least):
            return self._cannot_match(path, value)
        if least <= 0 and most is None:
            return self._cannot_fail(path, value)
        return Length(path, least, most)

    def _each_of(self, values: list[Any], path: DocumentPath) -> tuple[Matcher, ...]:
        return tuple(self.matcher(item, (*path, index)) for index, item in enumerate(values))

    def _cannot_fail(self, path: DocumentPath, value: Any) -> Matcher:
        message = f"a matcher that cannot fail: {path[-1]}"
        return self._wrong(path, message, "FA209", "something that a wrong output would not match", describe(value))

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
        """Note the mistake; the matcher given back only stands in, as compiling ends in an error."""
        self.mistakes.append(Mistake(code, path, message, expected, seen, next_step, at_key=at_key))
        return Anything(path, "value")


def _takes_all(value: Any) -> bool:
    return isinstance(value, dict) and value == {"any_value": True}


_WORDS: Mapping[str, Callable[[_Compiler, Any, DocumentPath], Matcher]] = {
    "equals": _Compiler.equals,
    "contains": _Compiler.contains,
    "regex": _Compiler.regex,
    "approx": _Compiler.approx,
    "one_of": _Compiler.one_of,
    "any_string": _Compiler.anything,
    "any_number": _Compiler.anything,
    "any_bool": _Compiler.anything,
    "any_value": _Compiler.anything,
    "not": _Compiler.negation,
    "each": _Compiler.each,
    "length": _Compiler.length,
}
