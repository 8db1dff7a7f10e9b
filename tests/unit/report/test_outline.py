"""Readable JSON of small and large values."""

import json
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

import pytest

from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.outline import readable


class Word(str, Enum):
    YES = "yes"


class Number(Enum):
    ONE = 1


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    value: Any


VALUES: list[Any] = [
    *(None, True, 1, -0.5, "text", "", [], {}, (), [[]], {"a": {}}, float("nan"), 10**5000),
    *(Word.YES, Number.ONE, MappingProxyType({"a": (1, 2)}), Part("a", [Part("b", None)]), {1: "one", 2.5: "two"}),
    *("half \ud83d", 'quote " and \\ and \n and \x1b and ä', {"s3cret-word": ["s3cret-word", 12345678]}, 12345678),
    *("line\nsk-abcdefghijklmnopqrst", 'a "sk-abcdefghijklmnopqrst"', "tab\tsk-abcdefghijklmnopqrst\\"),
    *('https://me:pass"wo\\rd@host/', {"url": "http://x", "mail": "me:you@host"}, 'quote"d-secret', "tab\tsecret"),
    {"deep": [{"er": [{"and": {"deeper": [1, {"still": ["s3cret-word"]}]}}]}]},
]
ENVIRONMENT = {"A_TOKEN": "s3cret-word", "PIN": "12345678", "B_TOKEN": 'quote"d-secret', "C_TOKEN": "tab\tsecret"}


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_the_text_of_a_value_is_that_of_its_redacted_data(value):
    redactor = Redactor(ENVIRONMENT)
    data = redactor.data(value)
    assert redactor.json(value) == json.dumps(data, ensure_ascii=False)
    assert redactor.json([value, {"key": value}]) == json.dumps([data, {"key": data}], ensure_ascii=False)
    assert readable(value, redactor) == json.dumps(data, ensure_ascii=False, indent=2)
    large = "x" * 20_000
    assert readable([value, large], redactor) == json.dumps([data, large], ensure_ascii=False, indent=2)


def test_a_large_value_is_one_line_and_the_levels_above_it_are_indented():
    document = {"evidence": {"outputs": [{"key": "k", "value": [{"row": number} for number in range(10_000)]}]}}
    text = readable(document, Redactor({}))
    assert json.loads(text) == document
    assert [line[:22] for line in text.splitlines()] == [
        *("{", '  "evidence": {', '    "outputs": [', "      {", '        "key": "k",', '        "value": [{"ro'),
        *("      }", "    ]", "  }", "}"),
    ]


def test_a_secret_in_a_large_value_does_not_leave():
    rows = [{"row": number, "text": "s3cret-word" if number == 9_999 else "plain"} for number in range(10_000)]
    text = readable({"outputs": [{"key": "k", "value": rows}]}, Redactor(ENVIRONMENT))
    assert "s3cret-word" not in text
    assert json.loads(text)["outputs"][0]["value"][-1] == {"row": 9_999, "text": "***"}
