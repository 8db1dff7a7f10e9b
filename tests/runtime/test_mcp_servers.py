"""MCP servers: a real one on loopback, and unreachable ones."""

import json

import pytest
from agent_run import failure_of, ollama, outputs_of, run
from mcp_service import McpService

from flink_agents_runtime.plan.build import PlanError, build_plan

AGENT = "resource_agents:Remote"
QUESTION = ("k", {"a": 20, "b": 3})
CALL = {
    "when": {"contains": "sum of 20 and 3"},
    "reply": {"tool_calls": [{"name": "add", "arguments": {"a": 20, "b": 3}}]},
}
ANSWER = {"when": {"role": "tool", "contains": "23"}, "reply": {"text": "it is 23"}}


def resources(channel, endpoint, **more):
    server = {"name": "sums_server", "clazz": "flink_agents.integrations.mcp.mcp.MCPServer", "endpoint": endpoint}
    return {"chat_model_connections": [ollama(channel)], "mcp_servers": [server], **more}


@pytest.mark.parametrize("asynchronous", [True, False])
def test_a_server_provides_its_prompt_and_its_tool(asynchronous, models, mcp_service):
    channel = models(CALL, ANSWER)
    options = {"chat__async": asynchronous, "tool_call__async": asynchronous}
    outputs = outputs_of(AGENT, QUESTION, resources=resources(channel, mcp_service.endpoint), **options)
    assert outputs == [("k", "it is 23")]
    assert channel.calls[0].tools == ("add",)
    assert json.dumps(channel.calls[1].messages[-1]).count("23") == 1


def test_tools_and_prompts_of_a_server_are_in_the_plan(models, mcp_service):
    plan = build_plan({"agent": AGENT, "resources": resources(models(), mcp_service.endpoint)}, config={})
    again = type(plan).model_validate_json(plan.model_dump_json())
    for each in (plan, again):
        names = {kind.value: set(known) for kind, known in each.resource_providers.items()}
        assert names["tool"] == {"add", "where_is"}
        assert names["prompt"] == {"ask_sum"}
        assert names["mcp_server"] == {"sums_server"}


def test_a_server_without_prompts_is_not_asked_for_them(models):
    with McpService(prompts=False) as service:
        failure = failure_of(AGENT, QUESTION, resources=resources(models(), service.endpoint))
    assert (
        failure.message == "the agent has no prompt 'ask_sum', which chat model 'desk' needs; it has no prompt at all"
    )


def test_an_unreachable_server_refuses_the_plan_with_its_endpoint(models):
    with pytest.raises(PlanError) as refused:
        run(AGENT, QUESTION, resources={"chat_model_connections": [ollama(models())]})
    assert (
        refused.value.message == "upstream cannot create the plan of agent Remote because an MCP server does not answer"
    )
    assert refused.value.expected.endswith("sums_server at http://127.0.0.1:1/mcp")
    assert refused.value.seen.startswith("ConnectError: ")
    assert "mcp_servers" in refused.value.next_step


def test_an_invalid_endpoint_is_refused(models):
    with pytest.raises(PlanError, match="Invalid HTTP endpoint: nowhere"):
        run(AGENT, QUESTION, resources=resources(models(), "nowhere"))


def test_a_server_that_stops_fails_the_action_with_tool_and_endpoint(models):
    channel = models(CALL)
    with McpService(prompts=False) as service:
        spec = {"agent": AGENT, "resources": resources(channel, service.endpoint)}
        spec["resources"]["prompts"] = [{"name": "ask_sum", "text": "sum of {a} and {b}"}]
        text = build_plan(spec, config={}).model_dump_json()
    from flink_agents_runtime.local.host import LocalHost
    from flink_agents_runtime.plan.build import load_plan

    key, value = QUESTION
    failure = LocalHost(load_plan(text)).run([{"key": key, "value": value}], deadline_s=120).failure
    assert (failure.action, failure.key, failure.input) == ("tool_call_action", key, value)
    assert f"tool 'add' of the MCP server {service.endpoint} was called with {{" in failure.message
    assert "(ConnectError: " in failure.message


def test_the_model_gets_the_error_text_for_wrong_arguments(models, mcp_service):
    wrong = {"when": {"contains": "sum of"}, "reply": {"tool_calls": [{"name": "add", "arguments": {"a": "x"}}]}}
    channel = models(wrong, {"when": {"role": "tool", "contains": "validation error"}, "reply": {"text": "sorry"}})
    assert outputs_of(AGENT, QUESTION, resources=resources(channel, mcp_service.endpoint)) == [("k", "sorry")]
