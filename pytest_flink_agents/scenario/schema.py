"""The JSON Schema of a scenario, for completion and checks in editors.

The loader is stricter: a schema cannot express matchers that cannot fail, paths, or unique names.
Must never import: yaml, pytest.
"""

from __future__ import annotations

from typing import Any

from pytest_flink_agents.scenario.expectation.effects import PARTS
from pytest_flink_agents.scenario.matching.compiler import MATCHER_WORDS
from pytest_flink_agents.scenario.model import Scenario

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MATCHER: dict[str, Any] = {"$ref": "#/$defs/Matcher"}
_NUMBER = {"type": "number"}
_DISTANCE = {"type": "number", "minimum": 0}
_LENGTH = {"type": "integer", "minimum": 0}

# The words whose values are matchers, by the mapping that has them.
_MATCHED = {
    "ExpectedOutput": ("key", "value"),
    "ExpectedOutputs": ("each",),
    "ToolStep": ("args",),
    "EventStep": ("attributes",),
    "ExpectedCall": PARTS,
}

# The value of each matcher word.
_VALUES: dict[str, Any] = {
    "equals": {"description": "An equal value; no word inside is a matcher."},
    "contains": {
        "description": "A part of a string, an item of a list, or keys of a mapping.",
        "anyOf": [{"type": "string", "minLength": 1}, {**_MATCHER, "not": {"type": "string"}}],
    },
    "partial": {"description": "Keys of a mapping.", "type": "object", "minProperties": 1},
    "starts_with": {"description": "The start of a string.", "type": "string", "minLength": 1},
    "regex": {"description": "A pattern that is found in a string.", "type": "string", "minLength": 1},
    "gt": {"description": "A greater number.", **_NUMBER},
    "ge": {"description": "A number of at least this.", **_NUMBER},
    "lt": {"description": "A smaller number.", **_NUMBER},
    "le": {"description": "A number of at most this.", **_NUMBER},
    "approx": {
        "description": "A number that differs by at most abs, or by the fraction rel.",
        "type": "object",
        "required": ["value"],
        "properties": {"value": _NUMBER, "abs": _DISTANCE, "rel": {**_DISTANCE, "maximum": 1}},
        "additionalProperties": False,
        "oneOf": [{"required": ["abs"]}, {"required": ["rel"]}],
    },
    "one_of": {"description": "A value that one of these matches.", "type": "array", "minItems": 1, "items": _MATCHER},
    "any_string": {"description": "Any string.", "const": True},
    "any_number": {"description": "Any number.", "const": True},
    "any_bool": {"description": "True or false.", "const": True},
    "any_value": {"description": "Any value.", "const": True},
    "not": {"description": "A value of the same kind that this does not match.", **_MATCHER},
    "each": {"description": "A list, not empty, whose every item is matched.", **_MATCHER},
    "length": {
        "description": "The length of a string, list or mapping.",
        "anyOf": [
            _LENGTH,
            {"type": "object", "properties": {"min": _LENGTH, "max": _LENGTH}, "additionalProperties": False},
        ],
    },
    "schema": {"description": "A JSON Schema, draft 2020-12.", "type": "object", "minProperties": 1},
}


def json_schema() -> dict[str, Any]:
    """Return the schema of one document, draft 2020-12, as plain data."""
    schema = Scenario.model_json_schema(by_alias=True, mode="validation")
    schema["$defs"]["Matcher"] = _matcher()
    for name, words in _MATCHED.items():
        for word in words:
            schema["$defs"][name]["properties"][word]["$ref"] = _MATCHER["$ref"]
    return {"$schema": DIALECT, **schema, "title": "Flink Agents scenario"}


def _matcher() -> dict[str, Any]:
    """Return the schema of an expected value.

    It is a mapping with one matcher word, or data with matchers in it.
    """
    words = list(MATCHER_WORDS)
    one_word = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {word: _VALUES[word] for word in words},
        "additionalProperties": False,
    }
    data = {
        "type": "object",
        "additionalProperties": _MATCHER,
        "not": {"minProperties": 1, "maxProperties": 1, "propertyNames": {"enum": words}},
    }
    scalars = {"type": ["string", "number", "boolean", "null"]}
    return {"title": "Matcher", "anyOf": [one_word, data, {"type": "array", "items": _MATCHER}, scalars]}
