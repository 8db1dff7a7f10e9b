"""Scenarios whose inputs are replayed from every point at which their process could have died."""

from __future__ import annotations

import json

from plugin_project import Project, lines_of

AGENTS = """
import os
import random

import requests
from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

TOTALS = {}


def pay(amount, key=None):
    url, headers = os.environ["PAYMENTS_URL"] + "/refunds", {"Idempotency-Key": key} if key else {}
    return requests.post(url, json={"amount": amount}, headers=headers, timeout=10).status_code


class Correct(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def pay(event: Event, ctx: RunnerContext) -> None:
        amount = InputEvent.from_event(event).input
        await ctx.durable_execute_async(pay, amount)
        ctx.send_event(Event(type="paid", attributes={"amount": amount}))

    @action("paid")
    @staticmethod
    def add(event: Event, ctx: RunnerContext) -> None:
        total = (ctx.short_term_memory.get("total") or 0) + event.attributes["amount"]
        ctx.short_term_memory.set("total", total)
        ctx.send_event(OutputEvent(output=total))


class Unprotected(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def pay(event: Event, ctx: RunnerContext) -> None:
        amount = InputEvent.from_event(event).input
        pay(amount)
        ctx.send_event(OutputEvent(output=amount))


class Keyed(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def pay(event: Event, ctx: RunnerContext) -> None:
        amount = InputEvent.from_event(event).input
        pay(amount, f"refund-{amount}")
        ctx.send_event(OutputEvent(output=amount))


class Random(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def draw(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output={"amount": InputEvent.from_event(event).input, "lot": random.random()}))


class Forgetful(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def add(event: Event, ctx: RunnerContext) -> None:
        TOTALS["sum"] = TOTALS.get("sum", 0) + InputEvent.from_event(event).input
        ctx.send_event(OutputEvent(output=TOTALS["sum"]))
"""
SCENARIO = """\
version: "1"
name: {name}
agent: shop_agents:{agent}
tiers: [local]
environment: {{PAYMENTS_URL: "${{effects.payments.url}}"}}
effects: [{{name: payments, route: POST /refunds, reply: {{status: 201}}}}]
inputs: [{{key: a, value: 3}}, {{key: a, value: 4}}]
{more}expect: {{outputs: {{count: 2}}}}
"""
STORE = "config: {actionStateStoreBackend: kafka}\n"
REPLAY = "always_replay: true\n"
TESTS = """
import pytest

WORDS = {
    "config": {"actionStateStoreBackend": "kafka"},
    "effects": [{"name": "payments", "route": "POST /refunds"}],
    "environment": {"PAYMENTS_URL": "${effects.payments.url}"},
}


@pytest.mark.parametrize("agent", ["Correct", "Random", "Unprotected"])
def test_agent(agent_runner, agent):
    evidence = agent_runner.run(f"shop_agents:{agent}", [("a", 3)], **WORDS)
    assert len(evidence.replays.replays) == 4


def test_no_replay(agent_runner):
    assert agent_runner.run("shop_agents:Random", [("a", 3)], always_replay=False).replays is None
"""


def replayed(name: str, agent: str, more: str = REPLAY) -> str:
    return SCENARIO.format(name=name, agent=agent, more=more)


def test_replays_show_what_a_crash_would_break(project: Project) -> None:
    project.write("shop_agents.py", AGENTS)
    project.scenarios(
        "x",
        replayed("correct", "Correct", STORE + REPLAY),
        replayed("no store", "Correct"),
        replayed("unprotected", "Unprotected", STORE + REPLAY),
        replayed("keyed", "Keyed", STORE + REPLAY).replace(
            "route: POST /refunds", "route: POST /refunds, idempotent: true"
        ),
        replayed("keyed in vain", "Keyed", STORE + REPLAY),
        replayed("random", "Random", STORE + REPLAY),
        replayed("forgetful", "Forgetful", STORE + REPLAY),
        replayed("scrubbed", "Random", "scrub: [lot]\n" + REPLAY),
    )
    result = project.run("--flink-gate", "-v")
    lines = lines_of(result)
    result.assert_outcomes(passed=3, failed=5)
    for name, words in {
        "correct": "PASSED",
        "scrubbed": "PASSED",
        "keyed": "PASSED",
        "keyed in vain": "FAILED",
        "no store": "FAILED",
        "unprotected": "FAILED",
        "random": "FAILED",
        "forgetful": "FAILED",
    }.items():
        assert f"::{name}[local-2.2] {words}" in lines
    assert lines.count('with {"amount": 3} is made twice for input 0') >= 2
    assert "next: without an action state store no call is recorded" in lines
    assert "next: call it in a durable_execute, or send an Idempotency-Key" in lines
    assert "next: a second undisturbed run differs, too, so the agent is not deterministic" in lines
    assert 'input 1 of key "a" has other outputs if its process dies before anything of it is recorded' in lines
    assert "expected: [7]\n    seen:     [4]" in lines
    assert project.verdict()["verdict"] == "block"
    (file,) = project.report.glob("artifacts/*correct*/1/evidence.json")
    replays = json.loads(file.read_text(encoding="utf-8"))["evidence"]["replays"]
    # Of each input: before anything, after the call, and after each of the two actions.
    assert (len(replays["replays"]), replays["points"], replays["unknown"]) == (8, 8, "")


def test_the_option_replays_scenarios_and_python_tests(project: Project) -> None:
    project.write("shop_agents.py", AGENTS)
    project.write("test_agents.py", TESTS)
    project.scenarios("x", replayed("random", "Random", ""), replayed("left out", "Random", "always_replay: false\n"))
    result = project.run("--flink-always-replay", "-v")
    lines = lines_of(result)
    for name, words in {
        "::random[local-2.2]": "FAILED",
        "::left out[local-2.2]": "PASSED",
        "::test_agent[local-Correct]": "PASSED",
        "::test_agent[local-Random]": "FAILED",
        "::test_agent[local-Unprotected]": "FAILED",
        "::test_no_replay[local]": "PASSED",
    }.items():
        assert f"{name} {words}" in lines
    assert 'FA224: input 0 of key "a" has other outputs' in lines
    assert 'FA224: POST /refunds of payments with {"amount": 3} is made twice' in lines
