"""Random orders: a failing one is reported with its seed and fails again."""

from __future__ import annotations

import json
import re

import pytest
from plugin_project import Project, lines_of, scenario

# Two keys, two steps each; that a comes before b is the order of arrival, and nobody's promise.
RACE = """\
version: "1"
name: a before b
agent: shop:Relay
inputs: [{key: a, value: 1}, {key: b, value: 2}]
expect:
  order: strict
  outputs: [{key: a, value: 1}, {key: b, value: 2}]
"""
RELAY = """

class Relay(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def take(event: Event, ctx: RunnerContext) -> None:
        value = await ctx.durable_execute_async(int, InputEvent.from_event(event).input)
        ctx.send_event(Event(type="taken", attributes={"value": value}))

    @action("taken")
    @staticmethod
    def give(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=event.get_attr("value")))
"""


@pytest.fixture
def race(project: Project) -> Project:
    with (project.path / "shop.py").open("a", encoding="utf-8") as file:
        file.write(RELAY)
    project.scenarios("race", RACE)
    return project


def history(project: Project) -> object:
    """Return the events of the newest run without times."""
    (path,) = project.report.rglob("evidence.json")
    evidence = json.loads(path.read_text())["evidence"]
    events = [(event["type"], event["key"], event["attributes"]) for event in evidence["events"]]
    return evidence["seed"], evidence["outputs"], events


def test_the_printed_command_repeats_the_failing_order_exactly(race: Project) -> None:
    """Many runs find an order that breaks the scenario."""
    assert race.run("-q").ret == 0, "in the order of arrival it passes"
    found = race.run("-q", "--scenario-runs=40", "--scenario-seed=1")
    assert found.ret == 1, lines_of(found)
    command = re.search(r"^again: pytest (.*)$", lines_of(found), re.M)
    assert command is not None
    seed = re.search(r"--scenario-seed=(\d+)$", command[1])
    assert seed is not None
    assert f"with seed {seed[1]}" in lines_of(found)
    first = history(race)
    for _ in range(2):
        again = race.run("-q", "race.scenario.yaml", f"--scenario-seed={seed[1]}")
        assert (again.ret, history(race)) == (1, first)


def test_a_random_seed_is_printed_in_the_header(race: Project) -> None:
    """Of several runs, even if it was not selected."""
    race.scenarios("race", scenario("calm"))
    for arguments in (["--scenario-seed=random"], ["--scenario-runs=3"]):
        result = race.run(*arguments)
        assert result.ret == 0, lines_of(result)
        result.stdout.fnmatch_lines(["flink agents: --scenario-seed=*"])
    assert history(race)[0] is not None  # type: ignore[index]  # a tuple


def test_without_a_seed_neither_header_nor_command_names_one(race: Project) -> None:
    race.scenarios("race", scenario("wrong", said="bye"))
    result = race.run()
    assert result.ret == 1
    assert "scenario-seed" not in lines_of(result)
