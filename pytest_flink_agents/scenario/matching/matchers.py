"""The matcher words of the language, compiled when a scenario is loaded.

A plain value means equality, through mappings and lists. A mapping with one key that is a matcher
word is that matcher:

    equals: VALUE            an equal value; no word inside is a matcher, so it expects data that looks like one
    contains: TEXT           a string with this part, or a list with this item
    contains: {key: ...}     a mapping with at least these keys; their values are matched
    contains: [...]          a list with these items anywhere, each matched; one item needs no brackets
    partial: {key: ...}      the same
    starts_with: TEXT        a string with this start
    regex: PATTERN           a string in which the pattern is found
    gt, ge, lt, le: NUMBER   a number above or below a bound; {ge: 1, lt: 5} is one between two
    approx: {value: 20, abs: 0.5}      a number that differs by at most `abs`, or by the fraction `rel`
    one_of: [...]            a value that one of these matches
    any_string, any_number, any_bool, any_value: true
    not: ...                 a value of the same kind that this does not match
    each: ...                a list, not empty, whose every item is matched
    schema: {type: ...}      a value that a JSON Schema describes
    length: 3 or {min: 1, max: 5}      a string, list or mapping of this length

Plugins add words of their own. A matcher that cannot fail, or can never match, is a mistake.
Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

from typing import Any

from pytest_flink_agents.scenario.error import DocumentPath, Mistake, ScenarioError
from pytest_flink_agents.scenario.matching.compiler import Compiler
from pytest_flink_agents.scenario.matching.custom import NO_MATCHERS, CustomMatchers
from pytest_flink_agents.scenario.matching.matcher import Matcher


class MatcherError(ScenarioError):
    """An expected value that is not a valid matcher.

    ``mistakes`` are its problems by path in the document.
    """

    def __init__(self, *mistakes: Mistake) -> None:
        super().__init__(*(mistake.problem for mistake in mistakes))
        self.mistakes = mistakes


def compile_matcher(value: Any, path: DocumentPath = (), added: CustomMatchers = NO_MATCHERS) -> Matcher:
    """Return the matcher of an expected value.

    ``path`` is its place in the document, ``added`` are the words of plugins. Raises
    :class:`MatcherError` with every mistake in it.
    """
    compiler = Compiler(added)
    matcher = compiler.matcher(value, path)
    if compiler.mistakes:
        raise MatcherError(*compiler.mistakes)
    return matcher


def compile_part(value: Any, path: DocumentPath = (), added: CustomMatchers = NO_MATCHERS) -> Matcher:
    """Return the matcher of an expected value like :func:`compile_matcher`, for a part of a mapping.

    A mapping without a matcher word matches one that has more keys.
    """
    compiler = Compiler(added)
    if not isinstance(value, dict) or compiler.is_matcher(value):
        return compile_matcher(value, path, added)
    matcher = compiler.contains(value, path)
    if compiler.mistakes:
        raise MatcherError(*compiler.mistakes)
    return matcher


def is_plain(value: Any) -> bool:
    """Return whether an expected value is a scalar, which needs no matcher."""
    return value is None or isinstance(value, (str, int, float))
