"""Placeholders and environment variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from flink_testbed.core.problem import Problem
from pytest_flink_agents.scenario.error import ScenarioError
from pytest_flink_agents.scenario.load import LoadedScenario
from pytest_flink_agents.scenario.placeholders import names_in, read_placeholders, substitute

Load: TypeAlias = Callable[..., LoadedScenario]
Problems: TypeAlias = Callable[[str], list[Problem]]


def test_placeholders_are_replaced_in_strings_keys_and_items() -> None:
    value = {"url": "${llm.openai_url}/v1", "list": ["${env.A}-${env.A}", 5, None], "${env.A}": True}
    filled = substitute(value, {"llm.openai_url": "http://x", "env.A": "a"})
    assert filled == {"url": "http://x/v1", "list": ["a-a", 5, None], "a": True}


def test_placeholders_in_values_are_not_replaced() -> None:
    assert substitute("${env.A}", {"env.A": "${env.B}", "env.B": "secret"}) == "${env.B}"


@pytest.mark.parametrize(
    ("text", "filled"), [("$${env.A}", "${env.A}"), ("$5 {a}", "$5 {a}"), ("$$", "$$"), ("$$${env.A}", "$${env.A}")]
)
def test_dollars_outside_of_placeholders_are_unchanged(text: str, filled: str) -> None:
    assert substitute(text, {"env.A": "a"}) == filled


def test_a_placeholder_without_a_value_is_an_error() -> None:
    with pytest.raises(ScenarioError, match=r"FA210: the placeholder \$\{env.B\} has no value in this run"):
        substitute(["${env.B}"], {"env.A": "a"})


@pytest.mark.parametrize(
    ("value", "allowed", "codes"),
    [
        ({"config": {"a": "${env.A}"}}, ("A",), []),
        ({"config": {"a": "${env.A}"}}, ("B",), ["FA210"]),
        ({"config": {"a": "${env.A}"}}, (), ["FA210"]),
        ({"config": {"${env.B}": 1}}, ("A",), ["FA210"]),
        ({"resources": {"tools": [{"u": "${llm.ollama_url} ${llm.openai_url}"}]}}, (), []),
        ({"config": {"a": "${llm.ollama_ur} ${x}"}}, (), ["FA210", "FA210"]),
        ({"config": {"a": "${matrix.p}"}}, (), ["FA210"]),
        ({"config": {"a": "${input.x} ${output.x}"}}, (), ["FA205"] * 2),
        ({"effects": [{"name": "e"}], "config": {"a": "${effects.e.url}"}}, (), []),
        ({"effects": [{"name": "e"}], "config": {"a": "${effects.f.url}"}}, (), ["FA210"]),
        ({"config": {"a": "${effects.e.url}"}}, (), ["FA210"]),
        ({"effects": [{"reply": {"json": "${request.json.a.0} ${request.path.id} ${request.sequence}"}}]}, (), []),
        (
            {"effects": [{"reply": {"json": "${request.body}", "text": "${env.A} ${request.query}"}}]},
            ("A",),
            ["FA210"] * 3,
        ),
        ({"job": {"args": ["${input.topic} ${output.topic} ${kafka.bootstrap} ${kafka.connector}"]}}, (), []),
        ({"job": {"args": ["${kafka.topic}"]}}, (), ["FA210"]),
        ({"config": {"a": "${input.topic} ${kafka.bootstrap}"}}, (), ["FA205", "FA210"]),
        ({"config": {"a": "${ llm.ollama_url }"}}, (), ["FA210"]),
        ({"config": {"a": "${llm.${env.A}}"}}, ("A",), ["FA210"]),
        ({"inputs": [{"key": "${env.A}", "value": 1}]}, ("A",), ["FA210"]),
        ({"expect": {"outputs": [{"value": {"contains": "${llm.ollama_url}"}}]}}, (), ["FA210"]),
        ({"environment": {"A": "${env.A} ${llm.ollama_url}"}}, ("A",), []),
        ({"config": {"a": "$llm.ollama_url"}}, (), ["FA210"]),
        ({"resources": {"tools": [{"u": "x $(llm.ollama_url)"}]}}, (), ["FA210"]),
        ({"environment": {"A": "{llm.ollama_url}"}}, (), ["FA210"]),
        ({"job": {"args": ["$input.path"]}}, (), ["FA210"]),
        ({"resources": {"prompts": [{"text": "{input.text} costs $5 in {env}"}]}}, (), []),
        ({"inputs": [{"key": 1, "value": "$llm.x"}]}, (), []),
        ({"owner": "$${env.A}", "config": {"a": "$${x}"}}, (), []),
    ],
)
def test_placeholders_are_known_by_name_and_section(value: object, allowed: tuple[str, ...], codes: list[str]) -> None:
    _, mistakes = read_placeholders(value, allowed)
    assert [mistake.code for mistake in mistakes] == codes


def test_a_placeholder_without_braces_is_shown_as_it_should_be(sound: str, problems: Problems) -> None:
    (problem,) = problems(sound + "environment: {MODEL_URL: $llm.olama_url/v1}\n")
    assert problem.render() == (
        "x.scenario.yaml:9:26: FA210: a placeholder without braces in environment.MODEL_URL\n"
        "  expected: ${NAME}\n"
        "  seen:     $llm.olama_url\n"
        "  next:     write ${llm.ollama_url}"
    )


@pytest.mark.parametrize(
    "name", ["PATH", "PYTHONPATH", "LD_PRELOAD", "JAVA_TOOL_OPTIONS", "FLINK_CONF_DIR", "SCENARIO_X", "lower", "A-B"]
)
def test_variables_that_choose_code_are_reserved(name: str, sound: str, problems: Problems) -> None:
    assert [problem.code for problem in problems(f"{sound}environment: {{{name}: x}}\n")] == ["FA203"]


def test_environment_variables_are_strings_by_name(load: Load, problems: Problems, sound: str) -> None:
    scenario = load(sound + "environment: {PAYMENTS_URL: http://127.0.0.1, EMPTY: ''}\n").scenario
    assert scenario.environment == {"PAYMENTS_URL": "http://127.0.0.1", "EMPTY": ""}
    (problem,) = problems(sound + "environment: {LIMIT: 5}\n")
    assert (problem.code, problem.next_step) == ("FA203", "quote it if it is meant as a string")


def test_names_are_found_in_strings() -> None:
    assert names_in(["--a=${input.topic}", "${env.A}${env.B}", "$${env.C}", "x"]) == {"input.topic", "env.A", "env.B"}


def test_escaped_dollars_are_read_at_load_in_sections_without_placeholders(load: Load, sound: str) -> None:
    text = sound.replace("o-1", "$${a}").replace("approved", '"$${b}"') + "config: {c: '$${d}'}\nconfig_extra: true\n"
    loaded = load(text)
    assert loaded.scenario.inputs[0].model_dump() == {
        "key": "c-1",
        "value": {"order": "${a}", "amount": 20},
        "after": None,
    }
    assert loaded.outputs is not None
    assert loaded.outputs[0].value.match({"status": "${b}"}) == []
    assert loaded.scenario.config == {"c": "$${d}"}
    assert substitute(loaded.scenario.config, {}) == {"c": "${d}"}
