"""The options of flink-agents that a scenario sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from flink_testbed.core.problem import Problem
from pytest_flink_agents.scenario.load import LoadedScenario

Problems: TypeAlias = Callable[[str], list[Problem]]
Load: TypeAlias = Callable[..., LoadedScenario]


def test_what_flink_agents_takes_is_taken(load: Load, sound: str):
    """Nested or dotted, words in any case, numbers as text, keys of the agent's own; and a placeholder is not looked at."""
    text = (
        "config: {error-handling-strategy: RETRY, max-retries: '4', event-log: {level: off, type: {a.b: {level: VERBOSE}}},"
        " shop.limit: 3, chat.async: '${llm.ollama_url}'}\n"
    )
    assert load(sound + text).warnings == ()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            "{event-log: {level: loud}}",
            "x.scenario.yaml:9:29: FA203: wrong value for config.event-log.level\n"
            "  expected: one of OFF, STANDARD, VERBOSE\n"
            '  seen:     the text "loud"',
        ),
        (
            "{error-handling-strategy: retri}",
            "x.scenario.yaml:9:35: FA203: wrong value for config.error-handling-strategy\n"
            "  expected: one of retry, fail, ignore\n"
            '  seen:     the text "retri"\n'
            '  next:     did you mean "retry"?',
        ),
        (
            "{baseLogDir: /logs}",
            'x.scenario.yaml:9:10: FA203: "baseLogDir" is set for each run\n'
            "  expected: nothing\n"
            '  seen:     the text "/logs"\n'
            "  next:     take it out: the run folder has all events",
        ),
    ],
)
def test_what_it_cannot_take_is_a_mistake(problems: Problems, sound: str, config: str, said: str):
    """The value's own place, what may stand there, the nearest word."""
    (problem,) = problems(f"{sound}config: {config}\n")
    assert problem.render() == said


def test_a_key_that_is_nearly_an_option_is_a_warning(load: Load, sound: str):
    """The scenario is sound, and says what was probably meant."""
    (warning,) = load(sound + "config:\n  event_log.level: 'OFF'\n").warnings
    assert warning.render() == (
        'x.scenario.yaml:10:3: FA213: "event_log.level" is no option of flink-agents\n'
        '  next:     did you mean "event-log.level"?'
    )
