"""Scenarios that pytest-rerunfailures repeats and that pytest-timeout interrupts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from plugin_project import SETTLING_AGENT, Project, lines_of, scenario

GATE = "--flink-gate"
# `Settles` is wrong in its first attempt only, `Repeats` gives one output in each attempt.
AGENTS = (
    SETTLING_AGENT
    + """

class Repeats(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output={"said": "hi"}))
"""
)
# One output comes, two are expected: right only if the outputs of both attempts are counted together.
HALF = scenario("half", agent="attempts:Repeats", more="    - {key: a, value: {said: hi}}\n")
SETTLES = scenario("settles", agent="attempts:Settles")


@pytest.fixture
def retried(project: Project) -> Project:
    """A project whose scenarios need a second attempt."""
    project.write("attempts.py", AGENTS)
    return project


def outputs_of(project: Project, name: str) -> list[list[Any]]:
    """The outputs in the evidence of each attempt of a scenario."""
    files = sorted(project.report.glob(f"artifacts/*{name}*/*/evidence.json"), key=lambda file: int(file.parent.name))
    evidence = [json.loads(file.read_text(encoding="utf-8"))["evidence"] for file in files]
    return [[output["value"]["said"] for output in each["outputs"]] for each in evidence]


# What a run has left in memory would add up in a session of many.
NONE_KEEPS_ITS_EVIDENCE = """
def pytest_sessionfinish(session):
    from pytest_flink_agents.current import CHECKED
    assert not [item for item in session.items if CHECKED in item.stash]
"""


def test_a_scenario_that_passes_in_its_second_attempt_is_flaky_and_inconclusive(retried: Project) -> None:
    retried.scenarios("x", SETTLES, scenario("right"))
    retried.write("conftest.py", NONE_KEEPS_ITS_EVIDENCE)
    result = retried.run("--reruns=1", GATE)
    assert result.ret == 10, lines_of(result)
    verdict = retried.verdict()
    assert verdict["verdict"] == "inconclusive"
    assert (verdict["counts"]["passed"], verdict["counts"]["failed"], verdict["counts"]["flaky"]) == (1, 0, 1)
    assert [reason["kind"] for reason in verdict["reasons"] if reason["rule"] == "flaky"] == ["inconclusive"]
    assert outputs_of(retried, "settles") == [["not yet"], ["hi"]]


def test_a_scenario_that_fails_in_every_attempt_blocks(retried: Project) -> None:
    retried.scenarios("x", HALF)
    result = retried.run("--reruns=1", GATE)
    assert (result.ret, retried.verdict()["counts"]["failed"]) == (1, 1), lines_of(result)
    assert outputs_of(retried, "half") == [["hi"], ["hi"]]


def test_attempts_under_xdist_are_counted_as_in_one_process(retried: Project) -> None:
    retried.scenarios("x", SETTLES, scenario("right"))
    result = retried.run("--reruns=1", "-n2", GATE)
    assert result.ret == 10, lines_of(result)
    assert retried.verdict()["counts"]["flaky"] == 1
    assert outputs_of(retried, "settles") == [["not yet"], ["hi"]]


@pytest.mark.slow
def test_an_attempt_on_flink_is_judged_by_its_own_outputs(retried: Project) -> None:
    retried.scenarios("x", HALF, SETTLES)
    result = retried.run("--reruns=1", GATE, tier="embedded")
    counts = retried.verdict()["counts"]
    assert (result.ret, counts["failed"], counts["flaky"]) == (1, 1, 1), lines_of(result)
    assert outputs_of(retried, "half") == [["hi"], ["hi"]]
    assert outputs_of(retried, "settles") == [["not yet"], ["hi"]]


def test_the_scenarios_after_one_past_pytests_time_limit_are_judged_by_their_own_results(project: Project) -> None:
    project.write("pytest.ini", "[pytest]\ntimeout_func_only = true\n")
    project.scenarios(
        "x",
        scenario("warm"),
        scenario("sleeps", agent="shop:Sleeper"),
        scenario("wrong", said="bye"),
        scenario("right"),
    )
    result = project.run("--timeout=8", "--timeout-method=signal", "-v")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.re_match_lines_random([r".*::sleeps.* FAILED", r".*::wrong.* FAILED", r".*::right.* PASSED"])
    result.stdout.re_match_lines_random([r".*Timeout \(>8\.0s\) from pytest-timeout.*"])
    artifacts = Path(project.report, "artifacts")
    assert outputs_of(project, "wrong") == outputs_of(project, "right") == [["hi"]], list(artifacts.iterdir())
