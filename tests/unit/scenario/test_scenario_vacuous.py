"""Expectations that check nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from flink_testbed.core.problem import Problem
from pytest_flink_agents.scenario.matching.vacuous import always_found

Problems: TypeAlias = Callable[[str], list[Problem]]


@pytest.mark.parametrize(
    ("pattern", "always"),
    [
        ("", True),
        (".*", True),
        (".*?", True),
        (r"\d*", True),
        ("^", True),
        ("$", True),
        (r"^[\s\S]*$", True),
        ("a?", True),
        ("(x|)", True),
        (".", False),
        (".+", False),
        ("^$", False),
        (r"\d", False),
        ("^a?$", False),
    ],
)
def test_a_pattern_that_is_found_everywhere_is_known(pattern: str, always: bool) -> None:
    assert always_found(pattern) is always


@pytest.mark.parametrize(
    "failure",
    [
        "contains: e",
        "contains: Traceback",
        "contains: Error",
        "contains: raise",
        "contains: 'line '",
        "contains: org.apache.flink",
        "contains: Exception",
        "regex: .",
        r"regex: '\w+'",
        "regex: Error|Exception",
        "regex: '.*'",
    ],
)
@pytest.mark.parametrize("word", ["expect", "expect_fail"])
def test_a_text_of_every_failure_names_none(failure: str, word: str, sound: str, problems: Problems) -> None:
    text = sound.replace("  outputs:", f"  failure: {{{failure}}}\n  outputs:")
    if word == "expect_fail":
        text = f"{sound}expect_fail: {{reason: x, until: 2027-01-31, failure: {{{failure}}}}}\n"
    (problem,) = problems(text)
    assert problem.code == "FA209"


@pytest.mark.parametrize("failure", ["contains: max retries", "contains: StockError", "regex: 'HTTP.*503'"])
def test_a_text_of_one_failure_is_accepted(failure: str, sound: str, load: Callable[..., object]) -> None:
    assert load(sound.replace("  outputs:", f"  failure: {{{failure}}}\n  outputs:"))


@pytest.mark.parametrize("pattern", ["''", "'.*'", "'.'", "ERROR", "' - '", r"'\d+'", "'ERROR .* - '"])
def test_a_pattern_of_every_log_line_allows_none(pattern: str, sound: str, problems: Problems) -> None:
    found = problems(sound.replace("  outputs:", f"  logs: {{allow: [reader, {pattern}]}}\n  outputs:"))
    assert [(problem.where, problem.code) for problem in found] == [
        ("x.scenario.yaml:7:26", "FA209"),
    ]


def test_patterns_of_a_file_share_one_time_limit(
    sound: str, problems: Problems, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_flink_agents.scenario.load.PATTERNS_S", 1e-6)
    found = problems(sound + "    - {key: c, value: {regex: '^a7'}}\n    - {key: c, value: {regex: '^b7'}}\n")
    assert [(problem.code, problem.where) for problem in found] == [
        ("FA211", "x.scenario.yaml:1:1"),
        ("FA203", "x.scenario.yaml:10:31"),
    ]
    assert found[0].message == "its patterns take too long"


def test_the_use_of_a_script_needs_a_script(sound: str, load: Callable[..., object], problems: Problems) -> None:
    text = sound.replace("  outputs:", "  llm: {unused_rules: 1}\n  outputs:")
    (problem,) = problems(text)
    assert (problem.code, problem.expected) == ("FA204", "llm beside expect.llm")
    assert load(f"{text}llm: {{mode: scripted, script: [{{reply: {{text: a}}}}]}}\n")
