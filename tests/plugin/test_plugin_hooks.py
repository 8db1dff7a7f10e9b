"""Checks that a conftest.py adds to those of the scenarios."""

from __future__ import annotations

from plugin_project import Project, lines_of, scenario

CONFTEST = """
def quick(evidence):
    if "run" not in evidence.timings_s:
        return None
    return []


def polite(evidence):
    return [f"{one.key} is answered {one.value['said']!r}" for one in evidence.outputs if one.value["said"] == "bye"]


def pytest_flink_agents_checks(config):
    return {"quick": quick, "polite": polite}
"""


def test_checks_of_a_conftest_judge_every_scenario(project: Project) -> None:
    project.write("conftest.py", CONFTEST)
    rude = scenario("rude", said="bye").replace("value: hi", "value: bye", 1)
    project.scenarios("s", scenario("kind"), rude)
    result = project.run("--flink-gate")
    result.assert_outcomes(passed=1, failed=1)
    assert "polite: a is answered 'bye'" in lines_of(result)
    assert project.verdict()["verdict"] == "block"


def test_a_name_that_is_taken_stops_the_session(project: Project) -> None:
    project.write("conftest.py", CONFTEST.replace('"quick"', '"outputs"'))
    project.scenarios("s", scenario("kind"))
    result = project.run()
    assert result.ret != 0
    assert "the name of one of the checks is taken" in lines_of(result)


def test_checks_of_a_nested_conftest_judge_the_scenarios_below_it(project: Project) -> None:
    strict = "def strict(evidence):\n    return ['refused']\n\n\n"
    strict += "def pytest_flink_agents_checks(config):\n    return {'strict': strict}\n"
    project.write("conftest.py", CONFTEST)
    # No argument names the directory: pytest loads its conftest.py after it has collected the first file.
    project.write("below/conftest.py", strict)
    project.scenarios("a", scenario("above"))
    project.scenarios("below/b", scenario("under"))
    result = project.run()
    result.assert_outcomes(passed=1, failed=1)
    assert "refused" in lines_of(result)
    assert "below/b.scenario.yaml::under" in lines_of(result)


MATCHERS = """
def divisible_by(seen, wanted):
    return seen % wanted == 0


def pytest_flink_agents_matchers(config):
    return {"divisible_by": divisible_by}
"""


def total(name: str, amount: str, wanted: str) -> str:
    """Return a scenario whose output is an amount, with what is expected of it."""
    text: str = scenario(name, said=wanted)
    return text.replace("value: hi", f"value: {amount}", 1)


PYTHON = """
import pytest


@pytest.mark.parametrize("amount", [20, 21])
def test_total(agent_runner, amount):
    expect = {"outputs": [{"key": "a", "value": {"said": {"divisible_by": 5}}}]}
    agent_runner.run("shop:Echo", [("a", amount)], expect=expect)
"""


def test_a_matcher_of_a_conftest_is_a_word_of_the_scenarios_below_it(project: Project) -> None:
    project.write("shop/conftest.py", MATCHERS)
    right, wrong = total("right", "20", "{divisible_by: 5}"), total("wrong", "21", "{divisible_by: 5}")
    crashes = total("crashes", "twelve", "{divisible_by: 5}")
    project.scenarios("shop/s", right, wrong, crashes)
    # Elsewhere the word is data.
    project.scenarios("t", total("data", "{divisible_by: 5}", "{divisible_by: 5}"))
    project.write("shop/test_totals.py", PYTHON)
    result = project.run("--flink-gate")
    result.assert_outcomes(passed=3, failed=3)
    shown = lines_of(result)
    assert "FA225: the run is not as the test expects" in shown
    assert "s.scenario.yaml:15: output 1 is not as expected: at said: expected divisible_by 5, seen 21" in shown
    assert "the matcher divisible_by crashed: TypeError" in shown
    assert project.verdict()["verdict"] == "block"


def test_a_failed_assertion_with_matches_shows_each_place(project: Project) -> None:
    project.write(
        "test_it.py",
        "from pytest_flink_agents import matches\n\n\n"
        "def test_it():\n"
        "    assert {'total': 21, 'said': 'no'} == matches({'total': {'approx': {'value': 20, 'abs': 0.5}}, 'said': 'no'})\n",
    )
    result = project.run(tier="")
    result.assert_outcomes(failed=1)
    assert "at total: expected 20 give or take 0.5, seen 21" in lines_of(result)


FORMATS = """
class Plain:
    path = "/generate"

    def read(self, data):
        return {"model": data["engine"], "messages": [{"role": "user", "content": data["prompt"]}]}

    def write(self, reply):
        return {"answer": reply["text"], "tokens": reply["usage"]["completion_tokens"]}


def pytest_flink_agents_model_formats(config):
    return {"plain": Plain()}
"""
ASKS = """
import os

import requests
from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class Asks(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def ask(event: Event, ctx: RunnerContext) -> None:
        request = {"engine": "m-1", "prompt": InputEvent.from_event(event).input}
        answer = requests.post(os.environ["MODEL_URL"] + "/generate", json=request, timeout=10).json()
        ctx.send_event(OutputEvent(output={"said": answer["answer"]}))
"""
ASKED = """environment: {MODEL_URL: "${llm.plain_url}"}
llm: {mode: scripted, script: [{when: {contains: hi, model: m-1}, reply: {text: hello}}]}
"""


def test_the_scripted_model_speaks_a_format_of_a_plugin(project: Project) -> None:
    project.write("asks.py", ASKS)
    project.write("conftest.py", FORMATS)
    calls = "  llm: {calls: {min: 1, max: 1}}\n"
    project.scenarios("s", scenario("asks", agent="asks:Asks", said="hello", more=calls + ASKED))
    result = project.run("--flink-gate")
    result.assert_outcomes(passed=1)
