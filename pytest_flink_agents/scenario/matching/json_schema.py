"""The matcher ``schema``: a value that a JSON Schema, draft 2020-12, describes.

JSON Schema ignores what it does not know, and then checks nothing: here an unknown keyword is a
mistake, and so is a keyword without its partner or for values of another type, which checks nothing
either. Refused are keywords that make a small schema slow (``uniqueItems``, ``unevaluated...``,
references), and ``format``, which validators only annotate. A pattern is found within its time, or
the value is not judged. Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import SchemaError
from jsonschema.validators import extend
from typing_extensions import override

from flink_testbed.core.patterns import compile_pattern
from flink_testbed.core.problem import nearest
from pytest_flink_agents.scenario.error import Mistake, describe, shorten
from pytest_flink_agents.scenario.matching.matcher import Matcher, json_text
from pytest_flink_agents.scenario.matching.mismatch import Mismatch

if TYPE_CHECKING:
    from pytest_flink_agents.scenario.error import DocumentPath

# Keywords by what they hold: a schema, a list of schemas, schemas by name, a value, a text for people.
_SCHEMA = frozenset(("additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"))
_SCHEMAS = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
_NAMED = frozenset(("dependentSchemas", "properties"))
_VALUES = frozenset(
    (
        *("const", "dependentRequired", "enum", "required", "type"),
        *("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"),
        *("maxContains", "maxItems", "maxLength", "maxProperties"),
        *("minContains", "minItems", "minLength", "minProperties", "pattern"),
    )
)
_TEXTS = frozenset(("$comment", "description", "examples", "title"))
_KNOWN = _SCHEMA | _SCHEMAS | _NAMED | _VALUES | _TEXTS
_REFUSED = {
    "$ref": "write the schema at its place",
    "$defs": "write each schema at its place",
    "format": "use pattern",
    "patternProperties": "use properties, or propertyNames with a pattern",
    "unevaluatedItems": "use items",
    "unevaluatedProperties": "use additionalProperties",
    "uniqueItems": "check the items by `each` or a list",
}
# Keywords that check nothing without another one, and those that make them check something.
_PARTNERS = {
    "if": ("then", "else"),
    "then": ("if",),
    "else": ("if",),
    "minContains": ("contains",),
    "maxContains": ("contains",),
}
# The types of the values that a keyword checks: values of all others pass.
_CHECKED_TYPES = {
    word: types
    for types, words in {
        ("string",): ("maxLength", "minLength", "pattern"),
        ("number", "integer"): ("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"),
        ("array",): ("contains", "items", "maxContains", "maxItems", "minContains", "minItems", "prefixItems"),
        ("object",): (
            *("additionalProperties", "dependentRequired", "dependentSchemas", "maxProperties", "minProperties"),
            *("properties", "propertyNames", "required"),
        ),
    }.items()
    for word in words
}
_IDLE_IF_EMPTY = ("dependentRequired", "dependentSchemas", "properties", "required")


def _pattern(validator: Any, pattern: str, value: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and not _compiled(pattern).is_found(value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _multiple_of(validator: Any, divisor: float, value: Any, schema: Any) -> Iterator[ValidationError]:
    """Divide the decimals as written: 0.07 is a multiple of 0.01, and not for the division of floats."""
    if not validator.is_type(value, "number"):
        return
    is_finite = isinstance(value, int) or math.isfinite(value)
    if not is_finite or (_fraction(value) / _fraction(divisor)).denominator != 1:
        yield ValidationError(f"{value!r} is not a multiple of {divisor!r}")


def _fraction(number: float) -> Fraction:
    return Fraction(repr(number)) if isinstance(number, float) else Fraction(number)


_compiled = lru_cache(maxsize=256)(compile_pattern)
_Validator: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {"pattern": _pattern, "multipleOf": _multiple_of},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("array", lambda _, value: isinstance(value, (list, tuple))),
)


@dataclass(frozen=True, slots=True)
class Described(Matcher):
    """A value that the ``schema`` describes."""

    schema: Mapping[str, Any]

    @property
    @override
    def text(self) -> str:
        return f"a value of the schema {json_text(self.schema)}"

    @override
    def compare(self, seen: Any, at: DocumentPath) -> list[Mismatch]:
        return [
            Mismatch(
                (*self.path, *error.absolute_schema_path),
                f"{error.validator}: {json_text(error.validator_value)}",
                error.instance,
                (*at, *error.absolute_path),
            )
            for error in _Validator(self.schema).iter_errors(seen)
        ]

    @override
    def is_comparable(self, seen: Any) -> bool:
        kinds = self.schema.get("type")
        return kinds is None or bool(_Validator({"type": kinds}).is_valid(seen))


def mistakes_in(schema: Any, path: DocumentPath) -> list[Mistake]:
    """Return what is wrong with a schema at a place of the document."""
    if not isinstance(schema, dict) or not schema:
        return [Mistake("FA203", path, "wrong value for schema", "a JSON Schema, as a mapping", describe(schema))]
    found = list(_keywords(schema, path))
    if found:
        return found
    try:
        _Validator.check_schema(schema)
    except SchemaError as error:
        expected = f"{error.validator}: {json_text(error.validator_value)}"
        place = (*path, *error.absolute_path)
        return [Mistake("FA203", place, "no JSON Schema", expected, describe(error.instance))]
    return []


def _keywords(schema: Any, path: DocumentPath) -> Iterator[Mistake]:
    """Yield the keywords of a schema, and of those in it, that it must not have, and wrong patterns."""
    if not isinstance(schema, dict):
        return
    yield from _idle(schema, path)
    for word, value in schema.items():
        at = (*path, word)
        if word not in _KNOWN:
            yield _unknown(word, at)
        elif word in _SCHEMA:
            yield from _keywords(value, at)
        elif word in _SCHEMAS and isinstance(value, list):
            for index, one in enumerate(value):
                yield from _keywords(one, (*at, index))
        elif word in _NAMED and isinstance(value, dict):
            for name, one in value.items():
                yield from _keywords(one, (*at, name))
        elif word == "pattern" and isinstance(value, str):
            try:
                _compiled(value)
            except ValueError as error:
                yield Mistake("FA203", at, "wrong value for pattern", "a pattern", describe(value), str(error))


def _idle(schema: Mapping[str, Any], path: DocumentPath) -> Iterator[Mistake]:
    """Yield the keywords of a schema that check nothing beside the others."""
    types = schema.get("type", ())
    types = (types,) if isinstance(types, str) else tuple(types) if isinstance(types, list) else ()
    for word, value in schema.items():
        partners, checked = _PARTNERS.get(word), _CHECKED_TYPES.get(word)
        if partners and schema.keys().isdisjoint(partners):
            message, expected = f'"{word}" alone checks nothing', f"{' or '.join(partners)} beside it"
        elif types and checked and set(types).isdisjoint(checked):
            message, expected = f'"{word}" checks nothing here', f"the type {' or '.join(checked)} beside it"
        elif word in _IDLE_IF_EMPTY and value in ([], {}) and "additionalProperties" not in schema:
            message, expected = f'"{word}" checks nothing', "at least one name"
        else:
            continue
        yield Mistake("FA209", (*path, word), message, expected, next_step="add it, or remove the keyword", at_key=True)


def _unknown(word: str, path: DocumentPath) -> Mistake:
    if word in _REFUSED:
        message = f'"{word}" is not supported in a schema'
        return Mistake("FA203", path, message, next_step=_REFUSED[word], at_key=True)
    near = nearest(word, _KNOWN)
    next_step = f'did you mean "{near}"?' if near else "correct it, or remove it"
    message = f'"{shorten(word)}" is no keyword of JSON Schema, and would check nothing'
    return Mistake("FA202", path, message, next_step=next_step, at_key=True)
