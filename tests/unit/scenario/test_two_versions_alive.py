"""What may stand beside two versions that are alive at the same time."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.error import ScenarioError
from pytest_flink_agents.scenario.load import load_file

SCENARIO = """\
version: "1"
name: the next version takes over
agent: flink_agents.api.agents.agent:Agent
tiers: [embedded]
inputs: [{key: a, value: 1}]
upgrade:
  from: {agent: flink_agents.api.agents.agent:Agent, config: {}}
  after: {outputs: 2}
  mode: blue_green
  allow: ["outputs[*].value.text", "effects[*].body.text"]
expect: {delivery: {outputs: exactly_once}}
"""


def mistakes(folder: Path, text: str) -> str:
    file = folder / "x.scenario.yaml"
    file.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        load_file(file, Project(folder))
    return str(caught.value)


def test_outputs_and_effects_may_differ(tmp_path: Path) -> None:
    file = tmp_path / "x.scenario.yaml"
    file.write_text(SCENARIO)
    (loaded,) = load_file(file, Project(tmp_path))
    assert loaded.scenario.both_alive


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("faults: [{after: {seconds: 1}, kill: taskmanager}]", "faults"),
        ("config: {actionStateStoreBackend: kafka}", "an action state store"),
        ("effects: [{name: shop, tool: buy, description: buys, reply: {text: done}}]", "tools of an MCP server"),
        (
            "llm: {mode: scripted, script: [{when: {contains: a}, reply: {text: b}, times: 1}]}",
            "a rule of a model with times",
        ),
        (
            "effects: [{name: shop, route: POST /teas, reply: {json: {}}, fault: {status: 503, times: 2}}]",
            "a fault of POST /teas with times",
        ),
        (
            "effects: [{name: shop, route: POST /teas, reply: {json: {id: '${request.sequence}'}}}]",
            "a reply of POST /teas with ${request.sequence}",
        ),
        (
            "effects: [{name: shop, route: POST /teas, fault: {reset: before}}]",
            "a fault of POST /teas with reset: before",
        ),
        (
            "llm: {mode: record, cassette: c.json, endpoint: {url: 'http://127.0.0.1:1'}}",
            "llm: {mode: record} or replay",
        ),
    ],
)
def test_what_both_versions_would_share_is_refused(words: str, said: str, tmp_path: Path) -> None:
    assert f"{said} beside mode: blue_green is not supported yet" in mistakes(tmp_path, f"{SCENARIO}{words}\n")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("config: {}", "config: {actionStateStoreBackend: kafka}", "an action state store beside mode: blue_green"),
        ("outputs: exactly_once", "outputs: at_least_once", "mode: blue_green without expect.delivery.outputs"),
        ("tiers: [embedded]", "tiers: [container]", "mode: blue_green on another tier than embedded"),
        ("after: {outputs: 2}", "after: {outputs: 2}\n  rollback: true", "rollback beside mode: blue_green"),
        ("mode: blue_green", "mode: savepoint", "allow without mode: blue_green"),
        ("after: {outputs: 2}", "after: {outputs: 2}\n  abort_after: start", "expect.downtime"),
    ],
)
def test_what_could_not_be_rehearsed_is_refused(old: str, new: str, said: str, tmp_path: Path) -> None:
    text = SCENARIO.replace("exactly_once}}", "exactly_once}, downtime: 5s}")
    assert said in mistakes(tmp_path, text.replace(old, new))
