"""The compiler of matchers: a method for each word of the language.

Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flink_testbed.core.patterns import compile_pattern
from pytest_flink_agents.scenario.error import DocumentPath, describe
from pytest_flink_agents.scenario.matching.conditions import (
    BOUNDS,
    Anything,
    Approx,
    Bounded,
    Each,
    Found,
    Length,
    Not,
    OneOf,
    StartsWith,
)
from pytest_flink_agents.scenario.matching.custom import Custom, CustomMatchers
from pytest_flink_agents.scenario.matching.data import ContainsItems, ContainsText, Fields, ListOf, Scalar
from pytest_flink_agents.scenario.matching.matcher import Matcher, is_number
from pytest_flink_agents.scenario.matching.mistakes import MatcherMistakes
from pytest_flink_agents.scenario.matching.mistyped import near_word
from pytest_flink_agents.scenario.matching.vacuous import always_found, matches_every_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LOWER, _UPPER = frozenset({"gt", "ge"}), frozenset({"lt", "le"})
_MAX_LENGTH = 1_000_000
# A maximum above this, without a minimum, is one that no value exceeds.
_UNREACHED_LENGTH = 10_000
# A tolerance above both this and the value itself accepts whatever number comes.
_MAX_TOLERANCE = 1_000_000


class Compiler(MatcherMistakes):
    """Turns expected values into matchers, and collects the mistakes in them.

    ``added`` are the words of plugins. A method for each word takes its value and its place in the document.
    """

    def __init__(self, added: CustomMatchers) -> None:
        super().__init__()
        self._added = added
        self._words = frozenset({*_WORDS, *added})

    def word(self, value: Any) -> str | None:
        """Return the matcher word of a mapping, None for data."""
        if not isinstance(value, dict) or len(value) != 1:
            return None
        word: str = next(iter(value))
        return word if word in self._words else None

    def is_matcher(self, value: dict[str, Any]) -> bool:
        """Return whether a mapping is a matcher and no data."""
        return self.word(value) is not None or _is_range(value)

    def matcher(self, value: Any, path: DocumentPath) -> Matcher:
        """Return the matcher of a value in which matcher words count."""
        if (word := self.word(value)) is not None:
            at = (*path, word)
            if word in _WORDS:
                return _WORDS[word](self, value[word], at)
            return Custom(at, word, value[word], self._added[word])
        if isinstance(value, dict):
            return self._bounded(value, path) if _is_range(value) else self._fields(value, path, exact=True)
        if isinstance(value, list):
            return ListOf(path, self._each_of(value, path))
        return Scalar(path, value)

    def _fields(self, value: dict[str, Any], path: DocumentPath, *, exact: bool) -> Matcher:
        """Return the matcher of a mapping, unless it is a mistyped matcher."""
        if len(value) > 1 and self._words.issuperset(value):
            message = f"{len(value)} matcher words in one mapping"
            next_step = "keep one word in each mapping; for data, write {equals: {...}}"
            return self._wrong(path, message, expected="one matcher word, or data", next_step=next_step)
        if len(value) == 1:
            word = next(iter(value))
            if near := near_word(word, self._words):
                message = f'"{word}" is not a matcher word'
                next_step = f'did you mean "{near}"? For data, write {{equals: {{...}}}}'
                return self._wrong((*path, word), message, "FA209", next_step=next_step, at_key=True)
        return Fields(path, {key: self.matcher(item, (*path, key)) for key, item in value.items()}, exact=exact)

    def equals(self, value: Any, path: DocumentPath) -> Matcher:
        """Return the matcher of a value in which everything is data."""
        if isinstance(value, dict):
            return Fields(path, {key: self.equals(item, (*path, key)) for key, item in value.items()}, exact=True)
        if isinstance(value, list):
            return ListOf(path, tuple(self.equals(item, (*path, index)) for index, item in enumerate(value)))
        return Scalar(path, value)

    def contains(self, value: Any, path: DocumentPath) -> Matcher:
        """Return the matcher of a part of a text, list or mapping."""
        if value in ("", {}, []):
            return self._cannot_fail(path, value)
        if isinstance(value, str):
            return ContainsText(path, value)
        if isinstance(value, list):
            return self._contains_items(value, path)
        if isinstance(value, dict) and not self.is_matcher(value):
            return self._fields(value, path, exact=False)
        return ContainsItems(path, (self.matcher(value, path),))

    def _contains_items(self, value: list[Any], path: DocumentPath) -> Matcher:
        for index, item in enumerate(value):
            # As text, because 1 and true are equal in Python.
            if repr(item) in map(repr, value[:index]):
                message = "an item that contains finds once and does not count: it stands there twice"
                next_step = "write each item once; to state how often it comes, write the whole list"
                return self._wrong((*path, index), message, "FA209", "another item", describe(item), next_step)
        return ContainsItems(path, self._each_of(value, path))

    def partial(self, value: Any, path: DocumentPath) -> Matcher:
        """Return the matcher of a mapping with at least these keys."""
        if not isinstance(value, dict):
            return self._wrong(path, "wrong value for partial", expected="a mapping", seen=describe(value))
        return self._fields(value, path, exact=False) if value else self._cannot_fail(path, value)

    def starts_with(self, value: Any, path: DocumentPath) -> Matcher:
        """Return the matcher of a text with this start."""
        if not isinstance(value, str):
            return self._wrong(path, "wrong value for starts_with", expected="a string", seen=describe(value))
        return StartsWith(path, value) if value else self._cannot_fail(path, value)

    def bound(self, value: Any, path: DocumentPath) -> Matcher:
        """Return the matcher of a number above or below a bound."""
        word = str(path[-1])
        if not is_number(value):
            return self._wrong(path, f"wrong value for {word}", expected="a number", seen=describe(value))
        return Bounded(path, {word: value})

    def _bounded(self, value: dict[str, Any], path: DocumentPath) -> Matcher:
        """Return the matcher of a number between two bounds."""
        lower, upper = (next(iter(words & value.keys()), None) for words in (_LOWER, _UPPER))
        if len(value) > len(BOUNDS) // 2 or lower is None or upper is None:
            expected = "one of gt and ge, and one of lt and le"
            return self._wrong(path, "bounds that do not enclose a number", expected=expected, seen=describe(value))
        before = len(self.mistakes)
        for word, limit in value.items():
            self.bound(limit, (*path, word))
        if len(self.mistakes) > before:
            return Anything(path, "number")
        both = {lower, upper} == {"ge", "le"}
        if value[lower] > value[upper] or (value[lower] == value[upper] and not both):
            return self._cannot_match((*path, upper), value)
        return Bounded(path, value)

    def regex(self, value: Any, path: DocumentPath) -> Matcher:
        """Return the matcher of a text in which a pattern is found."""
        if not isinstance(value, str):
            return self._wrong(path, "wrong value for regex", expected="a pattern, as a string", seen=describe(value))
        try:
            pattern = compile_pattern(value)
        except ValueError as error:
            return self._wrong(
                path, "wrong value for regex", expected="a pattern", seen=describe(value), next_step=str(error)
            )
        return self._cannot_fail(path, value) if always_found(value) else Found(path, pattern)

    def approx(self, value: Any, path: DocumentPath) -> Matcher:
        """Return the matcher of a number within a tolerance."""
        expected = "{value: NUMBER, abs: NUMBER} or {value: NUMBER, rel: NUMBER}; abs and rel are not negative"
        valid = (
            isinstance(value, dict)
            and set(value) in ({"value", "abs"}, {"value", "rel"})
            and all(is_number(number) for number in value.values())
            and value.get("abs", 0) >= 0
            and value.get("rel", 0) >= 0
        )
        if not valid:
            return self._wrong(path, "wrong value for approx", expected=expected, seen=describe(value))
        limit = max(_MAX_TOLERANCE, abs(value["value"]))
        if value.get("rel", 0) > 1 or value.get("abs", 0) > limit:
            bound = "a rel of at most 1" if "rel" in value else f"an abs of at most {limit:g}"
            return self._wrong(path, "a tolerance that accepts every number: approx", "FA209", bound, describe(value))
        tolerance = value["abs"] if "abs" in value else value["rel"] * abs(value["value"])
        return Approx(path, value["value"], tolerance)

    def one_of(self, value: Any, path: DocumentPath) -> Matcher:
        """Return the matcher of a value that one of several matches."""
        if not isinstance(value, list):
            return self._wrong(path, "wrong value for one_of", expected="a list", seen=describe(value))
        if not value:
            return self._cannot_match(path, value)
        before = len(self.mistakes)
        matcher = OneOf(path, self._each_of(value, path))
        if len(self.mistakes) == before and matches_every_value(matcher):
            return self._cannot_fail(path, value)
        return matcher

    def anything(self, value: Any, path: DocumentPath) -> Matcher:
        """Return the matcher of any value of a kind."""
        if value is not True:
            return self._wrong(path, f"wrong value for {path[-1]}", expected="true", seen=describe(value))
        return Anything(path, str(path[-1]).removeprefix("any_"))

    def negation(self, value: Any, path: DocumentPath) -> Matcher:
        """Return the matcher of a value that another one does not match."""
        if _accepts_anything(value):
            return self._cannot_match(path, value)
        if self.word(value) == "not":
            next_step = "write the value that is expected, without negation"
            return self._wrong(path, "a negation of a negation: not", "FA209", "one `not`", "two", next_step)
        return Not(path, self.matcher(value, path))

    def each(self, value: Any, path: DocumentPath) -> Matcher:
        """Return the matcher of a list whose every item is matched."""
        if _accepts_anything(value):
            return self._cannot_fail(path, value)
        return Each(path, self.matcher(value, path))

    def length(self, value: Any, path: DocumentPath) -> Matcher:
        """Return the matcher of a text, list or mapping of this length."""
        bounds = {"min": value, "max": value} if not isinstance(value, dict) else value
        are_ints = all(isinstance(bound, int) and not isinstance(bound, bool) for bound in bounds.values())
        if not bounds or not bounds.keys() <= {"min", "max"} or not are_ints:
            expected = "an int, or {min: INT, max: INT}"
            return self._wrong(path, "wrong value for length", expected=expected, seen=describe(value))
        minimum, maximum = bounds.get("min", 0), bounds.get("max")
        if maximum is not None and maximum < max(0, minimum):
            return self._cannot_match(path, value)
        if minimum <= 0 and (maximum is None or maximum > _UNREACHED_LENGTH):
            return self._cannot_fail(path, value)
        if max(minimum, maximum or 0) > _MAX_LENGTH:
            expected = f"a length of at most {_MAX_LENGTH:,}"
            return self._wrong(path, "wrong value for length", expected=expected, seen=describe(value))
        return Length(path, minimum, maximum)

    def schema(self, value: Any, path: DocumentPath) -> Matcher:
        """Return the matcher of a value that a JSON Schema describes."""
        # Few scenarios have a schema, and its library takes a tenth of a second to import.
        from pytest_flink_agents.scenario.matching.json_schema import Described, mistakes_in

        if mistakes := mistakes_in(value, path):
            self.mistakes += mistakes
            return Anything(path, "value")
        matcher = Described(path, value)
        if not matches_every_value(matcher):
            return matcher
        message, expected = (
            "a schema that values of every kind meet",
            "type, required or another word that excludes some",
        )
        return self._wrong(path, message, "FA209", expected, describe(value))

    def _each_of(self, values: list[Any], path: DocumentPath) -> tuple[Matcher, ...]:
        return tuple(self.matcher(item, (*path, index)) for index, item in enumerate(values))


def _is_range(value: dict[str, Any]) -> bool:
    return len(value) > 1 and BOUNDS.keys() >= value.keys()


def _accepts_anything(value: Any) -> bool:
    return isinstance(value, dict) and value == {"any_value": True}


_WORDS: Mapping[str, Callable[[Compiler, Any, DocumentPath], Matcher]] = {
    "equals": Compiler.equals,
    "contains": Compiler.contains,
    "partial": Compiler.partial,
    "starts_with": Compiler.starts_with,
    "regex": Compiler.regex,
    **dict.fromkeys(BOUNDS, Compiler.bound),
    "approx": Compiler.approx,
    "one_of": Compiler.one_of,
    "any_string": Compiler.anything,
    "any_number": Compiler.anything,
    "any_bool": Compiler.anything,
    "any_value": Compiler.anything,
    "not": Compiler.negation,
    "each": Compiler.each,
    "length": Compiler.length,
    "schema": Compiler.schema,
}
MATCHER_WORDS = tuple(_WORDS)
