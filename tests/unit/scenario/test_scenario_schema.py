"""The JSON Schema for editors."""

from __future__ import annotations

import json

from pytest_flink_agents.scenario.matching.compiler import MATCHER_WORDS
from pytest_flink_agents.scenario.schema import DIALECT, json_schema


def test_the_schema_has_the_keys_of_the_yaml() -> None:
    schema = json_schema()
    assert schema["$schema"] == DIALECT
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["version", "name", "inputs", "expect"]
    assert schema["properties"]["within"]["pattern"].endswith("(ms|s|m)$")
    assert schema["properties"]["version"]["const"] == "1"
    assert schema["properties"]["severity"]["enum"] == ["block", "warn", "info"]
    assert "from" in schema["$defs"]["FileInputs"]["properties"]
    assert "json" in schema["$defs"]["Reply"]["properties"]
    described = [name for name, one in schema["properties"].items() if not one.get("description")]
    assert described == []


def test_the_schema_is_plain_json() -> None:
    text = json.dumps(json_schema())
    references = {part.split('"')[0] for part in text.split('"#/$defs/')[1:]}
    assert references <= set(json_schema()["$defs"])


def test_the_schema_knows_every_matcher_word() -> None:
    schema = json_schema()
    one_word, data, *_ = schema["$defs"]["Matcher"]["anyOf"]
    assert tuple(one_word["properties"]) == tuple(data["not"]["propertyNames"]["enum"]) == MATCHER_WORDS
    assert all(value["description"] for value in one_word["properties"].values())
    assert schema["$defs"]["ExpectedOutput"]["properties"]["value"]["$ref"] == "#/$defs/Matcher"
