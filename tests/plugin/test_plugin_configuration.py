"""A team's own Flink configuration in a session."""

from __future__ import annotations

import json

import pytest
from plugin_project import Project

CONFIGURATION = """\
rest.port: 8081
agent:
  max-retries: 7
  retry-wait-interval: 5
  shop.limit: 20
  shop.password: hunter-twelve
"""
AGENT = """
from flink_agents.api.agents.agent import Agent
from flink_agents.api.core_options import AgentExecutionOptions
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class Options(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def tell(event: Event, ctx: RunnerContext) -> None:
        retries = ctx.config.get(AgentExecutionOptions.MAX_RETRIES)
        wait = ctx.config.get(AgentExecutionOptions.RETRY_WAIT_INTERVAL)
        print("password", ctx.config.get_str("shop.password"))
        ctx.send_event(OutputEvent(output=[retries, wait, ctx.config.get_int("shop.limit")]))
"""
SCENARIO = """\
version: "1"
name: {name}
agent: options:Options
{words}
inputs: [{{key: k, value: 1}}]
expect: {{outputs: [{{key: k, value: {value}}}]}}
"""
PYTHON = """
def test_options(agent_runner):
    evidence = agent_runner.run("options:Options", [("k", 1)], config_file="own/config.yaml", config={"max-retries": 2})
    assert evidence.outputs[0].value == [2, 5, 20]
    assert evidence.config["retry-wait-interval"]["source"] == "own/config.yaml:4"
    assert evidence.flink_config["rest.port"]["source"] == "not applicable"
"""


FAILS = """
def test_fails():
    raise RuntimeError("refused: hunter-twelve")
"""


def test_scenarios_and_tests_run_with_the_teams_configuration(project: Project) -> None:
    project.write("conf/config.yaml", CONFIGURATION)
    project.write("own/config.yaml", CONFIGURATION.replace("twelve", "eleven"))
    project.write("deployed/config.yaml", "agent: {max-retries: 9, shop.password: hunter-thirteen}\n")
    project.write("options.py", AGENT)
    project.write("test_options.py", PYTHON)
    project.scenarios(
        "s",
        SCENARIO.format(name="named", words="config_file: conf/config.yaml", value="[7, 5, 20]"),
        SCENARIO.format(name="of the session", words="config: {retry-wait-interval: 3}", value="[9, 3, null]"),
    )
    result = project.run("--flink-conf-dir=deployed")
    result.assert_outcomes(passed=3)
    named = next(project.report.glob("artifacts/*named*/1/evidence.json"))
    evidence = json.loads(named.read_text())["evidence"]
    assert evidence["config"]["max-retries"] == {"value": 7, "source": "conf/config.yaml:3", "note": ""}
    assert evidence["flink_config"]["rest.port"]["note"] == "conf/config.yaml:1 says 8081: this tier has no Flink"
    files = [path for path in project.report.rglob("*") if path.is_file()]
    assert "password ***" in evidence["printed"]
    assert not [path.name for path in files if b"hunter-" in path.read_bytes()]


def test_the_controller_masks_what_its_workers_have_learned(project: Project) -> None:
    pytest.importorskip("xdist")
    project.write("conf/config.yaml", CONFIGURATION)
    project.write("options.py", AGENT)
    project.write("test_fails.py", FAILS)
    project.scenarios("s", SCENARIO.format(name="named", words="config_file: conf/config.yaml", value="[7, 5, 20]"))
    project.run("-n2", "--flink-gate").assert_outcomes(passed=1, failed=1)
    assert "refused: ***" in (project.report / "summary.md").read_text()
    files = [path for path in project.report.rglob("*") if path.is_file()]
    assert not [path.name for path in files if b"hunter-" in path.read_bytes()]
