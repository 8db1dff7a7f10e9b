"""The options of flink-agents that a scenario sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from flink_testbed.core.problem import Problem
from pytest_flink_agents.scenario.load import LoadedScenario

Problems: TypeAlias = Callable[[str], list[Problem]]
Load: TypeAlias = Callable[..., LoadedScenario]


def test_values_that_flink_agents_accepts_are_accepted(load: Load, sound: str):
    text = (
        "config: {error-handling-strategy: RETRY, max-retries: '4', event-log: {level: off, type: {a.b: {level: VERBOSE}}},"
        " shop.limit: 3, chat.async: '${llm.ollama_url}'}\nconfig_extra: true\n"
    )
    assert load(sound + text).warnings == ()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            "{event-log: {level: loud}}",
            "x.scenario.yaml:9:29: FA203: wrong value for config.event-log.level\n"
            "  expected: one of OFF, STANDARD, VERBOSE\n"
            '  seen:     the string "loud"',
        ),
        (
            "{error-handling-strategy: retri}",
            "x.scenario.yaml:9:35: FA203: wrong value for config.error-handling-strategy\n"
            "  expected: one of retry, fail, ignore\n"
            '  seen:     the string "retri"\n'
            '  next:     did you mean "retry"?',
        ),
        (
            "{baseLogDir: /logs}",
            'x.scenario.yaml:9:10: FA203: "baseLogDir" is set by each run\n'
            "  expected: nothing\n"
            '  seen:     the string "/logs"\n'
            "  next:     remove it: the run folder contains all events",
        ),
    ],
)
def test_values_that_flink_agents_rejects_are_mistakes(problems: Problems, sound: str, config: str, said: str):
    (problem,) = problems(f"{sound}config: {config}\n")
    assert problem.render() == said


EXTRA = "set config_extra: true if the agent or a newer flink-agents reads it"


@pytest.mark.parametrize(
    ("option", "message", "next_step"),
    [
        ("event_log.level: 'OFF'", '"event_log.level" is not', f'did you mean "event-log.level"? Otherwise {EXTRA}'),
        ("base-log-dir: /x", '"base-log-dir" is not', EXTRA),
        ("event_listeners: [a]", '"event_listeners" is not', EXTRA),
        ("event-log.trace.enabled: true", '"event-log.trace.enabled" is an option of flink-agents 0.4', EXTRA),
        ("event-log.trace.enable: true", '"event-log.trace.enable" is not', EXTRA),
        ("shop.limit: 3", '"shop.limit" is not an option of flink-agents', EXTRA),
    ],
)
def test_an_unknown_option_is_a_mistake_unless_extra_ones_are_allowed(
    option: str, message: str, next_step: str, load: Load, problems: Problems, sound: str
):
    (problem,) = problems(f"{sound}config:\n  {option}\n")
    assert (problem.code, problem.where, problem.next_step) == ("FA213", "x.scenario.yaml:10:3", next_step)
    assert problem.message.startswith(message)
    warnings = load(f"{sound}config:\n  {option}\nconfig_extra: true\n").warnings
    assert [warning.next_step for warning in warnings] == [next_step] * next_step.startswith("did you mean")


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("num-async-threads: 1000000000", "at most 1,024"),
        ("max-retries: 1000000000", "at most 1,000"),
        ("retry-wait-interval: 86400", "at most 3,600"),
        ("event-log.standard.max-depth: 99999999999", "at most 2,147,483,647"),
    ],
)
def test_a_number_out_of_bounds_is_refused_with_its_bound(option: str, expected: str, problems: Problems, sound: str):
    (problem,) = problems(f"{sound}config: {{{option}}}\n")
    assert (problem.code, problem.expected) == ("FA203", expected)
