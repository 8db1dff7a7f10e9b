"""Scenarios on the local tier: what one of them sees, changes, prints and logs is its own."""

from __future__ import annotations

import json

import pytest
from plugin_project import Project, lines_of

AGENT = """
import logging
import os

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

SEEN_AT_IMPORT = os.environ.get("SHOP_REGION")
COUNT = []


class Regional(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def tell(event: Event, ctx: RunnerContext) -> None:
        COUNT.append(1)
        assert "OF_THE_CALLER" not in os.environ
        os.environ["LEFT_BEHIND"] = "yes"
        word = InputEvent.from_event(event).input
        print("printed by", word)
        if word == "alarm":
            logging.getLogger("shop").error("the till is on fire")
        seen = [SEEN_AT_IMPORT, os.environ.get("SHOP_REGION"), os.environ.get("COVERAGE_PROCESS_CONFIG"), len(COUNT)]
        ctx.send_event(OutputEvent(output=seen))
"""
SCENARIO = """\
version: "1"
name: {name}
agent: regional:Regional
environment: {{SHOP_REGION: {region}}}
inputs: [{{key: a, value: {word}}}]
expect: {{outputs: [{{key: a, value: [{region}, {region}, measured, 1]}}]}}
"""


def test_each_scenario_has_an_environment_and_globals_of_its_own(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("regional.py", AGENT)
    for name, region in (("first", "north"), ("second", "south")):
        project.write(f"{name}.scenario.yaml", SCENARIO.format(name=name, region=region, word="x"))
    # By this variable coverage measures the processes that a measured one starts.
    monkeypatch.setenv("COVERAGE_PROCESS_CONFIG", "measured")
    monkeypatch.setenv("OF_THE_CALLER", "not the agent's")
    project.run().assert_outcomes(passed=2)


def test_a_failure_shows_what_the_agent_printed_and_a_logged_error_fails(project: Project) -> None:
    project.write("regional.py", AGENT)
    project.write("a.scenario.yaml", SCENARIO.format(name="alarmed", region="north", word="alarm"))
    result = project.run("--flink-gate")
    assert result.ret == 1
    shown = lines_of(result)
    assert "an error was logged in the agent's process: " in shown
    assert "the till is on fire" in shown
    assert "printed by alarm" in shown
    evidence = next((project.path / "flink-agents-report" / "latest" / "artifacts").glob("*/1/evidence.json"))
    assert "printed by alarm" in json.loads(evidence.read_text())["evidence"]["printed"]
