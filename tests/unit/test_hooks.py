"""Answers of plugins to the hooks, merged and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pytest_flink_agents.hooks import custom_checks, custom_matchers, custom_model_formats

FORMAT = SimpleNamespace(path="/generate", read=dict, write=dict)


def node(hook: str, *answers: Any) -> pytest.Collector:
    """Return a collector whose plugins give these answers."""
    ihook = SimpleNamespace(**{f"pytest_flink_agents_{hook}": lambda config: list(answers)})
    return cast(pytest.Collector, SimpleNamespace(ihook=ihook, config=None))


@pytest.mark.parametrize(
    ("hook", "merged", "value"),
    [
        ("checks", custom_checks, len),
        ("matchers", custom_matchers, len),
        ("model_formats", custom_model_formats, FORMAT),
    ],
)
def test_the_answers_of_all_plugins_are_merged(
    hook: str, merged: Callable[[pytest.Collector], Mapping[str, Any]], value: Any
) -> None:
    assert merged(node(hook)) == {}
    assert merged(node(hook, {"one": value}, {"two": value})) == {"one": value, "two": value}
    with pytest.raises(pytest.UsageError, match=f"FA421: the name of one of the {hook} is taken"):
        merged(node(hook, {"one": value}, {"one": value}))
    for answer in (None, [value], {"one": 7}, {1: value}):
        with pytest.raises(pytest.UsageError, match=f"its answer is no mapping of {hook}"):
            merged(node(hook, answer))


@pytest.mark.parametrize("word", ["contains", "schema", "starts_with"])
def test_words_of_the_language_cannot_be_added(word: str) -> None:
    with pytest.raises(pytest.UsageError, match="the name of one of the matchers is taken"):
        custom_matchers(node("matchers", {word: len}))


@pytest.mark.parametrize("name", ["openai", "v1"])
def test_names_of_built_in_formats_cannot_be_added(name: str) -> None:
    with pytest.raises(pytest.UsageError, match="the name of one of the model_formats is taken"):
        custom_model_formats(node("model_formats", {name: FORMAT}))


@pytest.mark.parametrize("name", ["Upper", "with-dash", "", "7", "with space"])
def test_names_that_cannot_be_written_in_a_scenario_are_refused(name: str) -> None:
    with pytest.raises(pytest.UsageError, match="lower-case letters, digits and underscores"):
        custom_matchers(node("matchers", {name: len}))
    with pytest.raises(pytest.UsageError, match="lower-case letters, digits and underscores"):
        custom_model_formats(node("model_formats", {name: FORMAT}))


def test_a_format_needs_a_path_and_two_functions() -> None:
    for wrong in ({"path": "generate"}, {"path": 7}, {"read": None}, {"write": 7}):
        with pytest.raises(pytest.UsageError, match="objects with path, read and write"):
            custom_model_formats(node("model_formats", {"plain": SimpleNamespace(**{**vars(FORMAT), **wrong})}))
