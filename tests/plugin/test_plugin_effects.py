"""Endpoints of a scenario: what an agent called is evidence, and a call that has no route fails."""

from __future__ import annotations

import json
from typing import Any

from plugin_project import Project, lines_of, scenario

AGENTS = """
import os

import requests
from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


def refund(path):
    return requests.post(os.environ["PAYMENTS_URL"] + path, json={"amount": 20}, timeout=10).json()


class Pays(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def pay(event: Event, ctx: RunnerContext) -> None:
        answer = await ctx.durable_execute_async(refund, "/refunds/o-1")
        ctx.send_event(OutputEvent(output={"said": answer["id"]}))


class Strays(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def pay(event: Event, ctx: RunnerContext) -> None:
        refund("/refund")
        ctx.send_event(OutputEvent(output={"said": "hi"}))
"""
MODEL = """\
resources:
  chat_model_connections:
    - {name: server, clazz: ollama, base_url: "${llm.ollama_url}"}
llm: {mode: scripted, script: [{reply: {text: hi}}]}
"""
EFFECTS = """\
environment: {PAYMENTS_URL: "${effects.payments.url}"}
effects:
  - {name: payments, route: "POST /refunds/{order}", reply: {json: {id: "for ${request.path.order}"}}}
"""


def calls_of(project: Project, name: str) -> list[dict[str, Any]]:
    (file,) = project.report.glob(f"artifacts/*{name}*/1/evidence.json")
    evidence = json.loads(file.read_text(encoding="utf-8"))["evidence"]
    assert evidence["effects_unknown"] == ""
    return list(evidence["effects"])


FIXTURE = """
import os
import signal

import pytest
import requests

PAYMENTS = {"name": "payments", "route": "POST /refunds", "reply": {"json": {"id": "r-1"}}}


def test_calls(effects):
    with effects.serve([PAYMENTS]) as served:
        answer = requests.post(served.urls["payments"] + "/refunds", json={"order": 1}, timeout=10)
        assert answer.json() == {"id": "r-1"}
        assert [call.body for call in served.calls] == [{"order": 1}]
    assert [(call.body, call.status) for call in served.calls] == [({"order": 1}, 200)]


def test_a_dead_ledger(effects):
    with effects.serve([PAYMENTS]) as served:
        requests.post(served.urls["payments"] + "/refunds", json={"order": 1}, timeout=10)
        os.kill(effects._services.ledger.provide().process.command_pid(), signal.SIGKILL)
    with pytest.raises(Exception, match="FA427"):
        served.calls


def test_after_it(effects):
    with effects.serve([PAYMENTS]) as served:
        pass
    assert served.calls == ()


def test_wrong(effects):
    for entries in ([], [{"name": "payments"}]):
        with pytest.raises(ValueError, match="effects: "):
            with effects.serve(entries):
                pass
"""


def test_a_python_test_serves_endpoints(project: Project) -> None:
    project.write("test_fixture.py", FIXTURE)
    result = project.run()
    result.assert_outcomes(passed=4)


def test_calls_are_evidence_and_a_call_without_a_route_fails(project: Project) -> None:
    project.write("payer.py", AGENTS)
    project.write_desk()
    project.scenarios(
        "x",
        scenario("pays", agent="payer:Pays", said="for o-1", more=EFFECTS),
        scenario("strays", agent="payer:Strays", more=EFFECTS),
        scenario("asks", agent="{yaml: desk.yaml, name: desk}", more=EFFECTS + MODEL),
    )
    result = project.run("--flink-gate")
    result.assert_outcomes(passed=2, failed=1)
    (call,) = calls_of(project, "pays")
    assert (call["route"], call["path"], call["body"]) == ("POST /refunds/{order}", "/refunds/o-1", {"amount": 20})
    assert (call["key"], call["input"], call["status"]) == ("a", 0, 200)
    (picture,) = project.report.glob("artifacts/*pays*/1/timeline.svg")
    assert "call 1: POST /refunds/o-1, status 200, input 0" in picture.read_text(encoding="utf-8")
    assert [call["route"] for call in calls_of(project, "strays")] == [""]
    (chat,) = calls_of(project, "asks")
    assert (chat["source"], chat["route"], chat["key"], chat["input"]) == ("llm", "POST /api/chat", "a", 0)
    text = lines_of(result)
    assert "the agent called payments, which has no such route" in text
    assert "call 1: POST /refund, no route, status 404" in text
