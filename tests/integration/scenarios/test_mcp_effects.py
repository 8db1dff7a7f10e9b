"""Tools of ``effects``, called by flink_agents' own MCP client on the local tier and on Flink."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_flink_agents.run.checked_run import CheckedRun
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.load import LoadedScenario, load_file
from pytest_flink_agents.vocabulary import Tier
from tests.support import scenario_runs

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]

AGENT = """\
agents:
  - name: desk
    actions:
      - {name: read_ticket, function: "scenarios.agents.support:read_ticket", listen_to: [input]}
      - {name: answer_ticket, function: "scenarios.agents.support:answer_ticket", listen_to: [chat_response]}
    chat_model_connections:
      - {name: server, clazz: ollama}
    chat_model_setups:
      - {name: desk, clazz: ollama, connection: server, model: desk-model, tools: [where_is]}
"""
SCENARIOS = """\
version: "1"
name: an order is looked up
agent: {yaml: desk.yaml, name: desk}
resources:
  chat_model_connections:
    - {name: server, clazz: ollama, base_url: "${llm.ollama_url}"}
  mcp_servers:
    - {name: shop, clazz: flink_agents.integrations.mcp.mcp.MCPServer, endpoint: "${effects.orders.url}"}
llm:
  mode: scripted
  script:
    - {when: {role: tool, contains: order o-1 is on its way}, reply: {text: it is coming}}
    - {when: {contains: my order}, reply: {tool_calls: [{name: where_is, arguments: {order: o-1}}]}}
effects:
  - name: orders
    tool: where_is
    description: Say where an order is.
    arguments: {type: object, properties: {order: {type: string}}, required: [order]}
    reply: {text: "order ${request.json.order} is on its way"}
inputs: [{key: c-1, value: {text: where is my order}}]
expect:
  outputs: [{key: c-1, value: {answer: it is coming}}]
  effects: {orders: {count: 1, per_input: 1, each: {path: where_is, json: {order: o-1}}}}
  trajectory: {match: in_order, events: [{tool: where_is, args: {order: o-1}}, _output_event]}
---
version: "1"
name: another order is looked up
include: [common.yaml]
expect:
  effects: {orders: {count: 1, each: {json: {order: o-2}}}}
"""


def test_an_agent_calls_a_scripted_tool_on_both_tiers(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The call is in the record with its arguments and its input, and expectations judge it."""
    shutil.copytree(ROOT / "scenarios" / "agents", tmp_path / "scenarios" / "agents")
    (tmp_path / "desk.yaml").write_text(AGENT)
    first, second = SCENARIOS.split("---\n")
    (tmp_path / "common.yaml").write_text("\n".join(first.splitlines()[2:]))
    (tmp_path / "orders.scenario.yaml").write_text(f"{first}---\n{second}")
    right, wrong = load_file(tmp_path / "orders.scenario.yaml", Project(tmp_path))

    def checked(loaded: LoadedScenario, tier: Tier) -> CheckedRun:
        return scenario_runs.checked(request, loaded, tier, tmp_path / tier.value / loaded.scenario.name)

    for tier in (Tier.LOCAL, Tier.EMBEDDED):
        run = checked(right, tier)
        assert run.valid, run.text
        calls = [
            (call.route, call.body, call.key, call.input)
            for call in run.evidence.effects or ()
            if call.source == "effects"
        ]
        assert calls == [("tool where_is", {"order": "o-1"}, "c-1", 0)]
    run = checked(wrong, Tier.LOCAL)
    assert not run.valid
    assert 'call 2 (tool where_is {"order": "o-1"}) of orders is not as expected at order' in run.text
