"""The page of matchers. Each example is compiled and tried out while the page is made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pytest_flink_agents.scenario.document import parse
from pytest_flink_agents.scenario.matching.matchers import compile_matcher
from tools.reference.markdown import code, page, table


class WrongExampleError(ValueError):
    """A documented matcher that does not do what the page says."""


@dataclass(frozen=True, slots=True)
class Documented:
    """A matching word: its form in YAML, its meaning, a value that it matches and one that it does not match."""

    word: str
    form: str
    meaning: str
    matches: Any
    differs: Any


MATCHERS = (
    Documented(
        "equals",
        "{equals: {contains: tea}}",
        "An equal value. No word inside is a matcher: use it for data that looks like a matcher.",
        {"contains": "tea"},
        "tea",
    ),
    Documented("contains", "{contains: cup}", "A string with this text in it.", "a cup of tea", "a pot of tea"),
    Documented(
        "contains",
        "{contains: {item: tea}}",
        "A mapping with at least these keys; their values are matched.",
        {"item": "tea", "price": 3},
        {"item": "cake"},
    ),
    Documented(
        "contains",
        "{contains: [tea, cake]}",
        "A list with these items anywhere in it, each matched. One item needs no brackets.",
        ["cake", "tea", "soap"],
        ["tea"],
    ),
    Documented(
        "partial",
        "{partial: {item: tea}}",
        "A mapping with at least these keys, as with `contains`.",
        {"item": "tea", "price": 3},
        [{"item": "tea"}],
    ),
    Documented("starts_with", "{starts_with: a cup}", "A string with this start.", "a cup of tea", "half a cup"),
    Documented("regex", '{regex: "^A-[0-9]+$"}', "A string in which the pattern is found.", "A-17", "B-17"),
    Documented("gt", "{gt: 5}", "A number greater than this.", 5.5, 5),
    Documented("ge", "{ge: 5}", "A number of at least this.", 5, 4),
    Documented("lt", "{lt: 5}", "A number less than this.", 4, 5),
    Documented("le", "{le: 5}", "A number of at most this.", 5, 6),
    Documented("ge", "{ge: 1, lt: 5}", "A number between two bounds.", 1, 5),
    Documented(
        "approx",
        "{approx: {value: 20, abs: 0.5}}",
        "A number that differs by at most `abs`. With `rel` instead, by at most that fraction of the value.",
        20.4,
        20.6,
    ),
    Documented("one_of", "{one_of: [tea, cake]}", "A value that one of these matches.", "cake", "soap"),
    Documented("any_string", "{any_string: true}", "Any string.", "tea", 3),
    Documented("any_number", "{any_number: true}", "Any number.", 3.5, "3.5"),
    Documented("any_bool", "{any_bool: true}", "True or false.", False, 0),
    Documented("any_value", "{item: {any_value: true}}", "Any value, null too.", {"item": None}, {}),
    Documented("not", "{not: {contains: error}}", "A value that this does not match.", "fine", "an error"),
    Documented(
        "each", "{each: {contains: {ok: true}}}", "A list with items, all of which this matches.", [{"ok": True}], []
    ),
    Documented("length", "{length: 3}", "A string, list or mapping of this length.", [1, 2, 3], [1]),
    Documented(
        "length", "{length: {min: 1, max: 5}}", "A length within bounds, of which one may be missing.", "tea", ""
    ),
    Documented(
        "schema",
        "{schema: {type: object, required: [item], properties: {item: {type: string}}}}",
        "A value that a JSON Schema (2020-12) describes. Unknown keywords are mistakes. Not supported are references, "
        "`format`, `patternProperties`, `uniqueItems`, `unevaluatedItems` and `unevaluatedProperties`.",
        {"item": "tea"},
        {"item": 3},
    ),
)


def matchers_page(matchers: Sequence[Documented] = MATCHERS) -> str:
    """Return the page. Raises :class:`WrongExampleError` for an example that is not as documented."""
    for each in matchers:
        _try_out(each)
    rows = [
        (code(each.form), each.meaning, code(json.dumps(each.matches)), code(json.dumps(each.differs)))
        for each in matchers
    ]
    return page(
        "Matchers",
        "Keys and values under `expect.outputs` are matchers. A plain value means equality, through mappings and lists: "
        "a mapping must have exactly these keys, a list exactly these items in this order. A mapping with one key that is a "
        "matching word is that matcher. Matchers nest anywhere.",
        table(("matcher", "matches", "example that matches", "example that does not"), rows),
        "A matcher that cannot fail, or that can never match, is refused (`FA209`): it would check nothing. Numbers and "
        "strings are never equal, and neither are Booleans and numbers. Patterns are searched, not anchored; use `^` and `$` "
        "for a whole string.",
    )


def _try_out(each: Documented) -> None:
    documents, problems = parse(each.form.encode(), "example")
    if problems:
        raise WrongExampleError(f"{each.form} is not YAML: {problems[0].render()}")
    matcher = compile_matcher(documents[0].value)
    if matcher.match(each.matches):
        raise WrongExampleError(f"{each.form} does not match {each.matches!r}")
    if not matcher.match(each.differs):
        raise WrongExampleError(f"{each.form} matches {each.differs!r}")
