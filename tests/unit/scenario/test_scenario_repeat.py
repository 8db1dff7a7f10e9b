"""The word `repeat`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from flink_testbed.core.problem import Problem
from pytest_flink_agents.scenario.load import LoadedScenario

Problems: TypeAlias = Callable[[str], list[Problem]]


@pytest.mark.parametrize(("repeat", "required"), [("{runs: 5}", 5), ("{runs: 5, min_pass: 1}", 1)])
def test_all_runs_must_pass_unless_stated(
    repeat: str, required: int, load: Callable[..., LoadedScenario], sound: str
) -> None:
    found = load(sound + f"repeat: {repeat}\n").scenario.repeat
    assert found
    assert (found.runs, found.required) == (5, required)


@pytest.mark.parametrize(
    ("repeat", "code", "words"),
    [
        ("{runs: 1}", "FA203", "a number of at least 2"),
        ("{runs: 1001}", "FA203", "a number of at most 1000"),
        ("{runs: 3, min_pass: 4}", "FA203", "min_pass of at most 3, the number of runs"),
        ("{runs: 3, min_pass: 0}", "FA203", "a number of at least 1"),
        ("{min_pass: 3}", "FA204", 'missing key "runs"'),
        ("{runs: 3, minpass: 3}", "FA202", 'did you mean "min_pass"?'),
        (
            "{runs: 2}\nexpect_fail: {reason: r, check: outputs, until: '2027-01-31'}",
            "FA203",
            "repeat beside expect_fail",
        ),
    ],
)
def test_a_wrong_repeat_is_refused(repeat: str, code: str, words: str, problems: Problems, sound: str) -> None:
    (problem,) = problems(sound + f"repeat: {repeat}\n")
    assert problem.code == code
    assert words in problem.render()
