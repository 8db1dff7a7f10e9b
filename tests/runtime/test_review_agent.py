"""Upstream's quickstart agent with an object in place of the model server."""

from pathlib import Path

import flink_agents.examples.quickstart as quickstart
import pytest

from flink_agents_runtime.local.host import LocalHost
from flink_agents_runtime.plan.build import build_plan

CONNECTION = {"name": "ollama_server", "clazz": "runtime_agents.ScriptedConnection"}
CLASS_AGENT = "flink_agents.examples.quickstart.agents.review_analysis_agent:ReviewAnalysisAgent"
YAML_AGENT = {
    "yaml": str(Path(quickstart.__path__[0]) / "yaml_review_analysis_agent.yaml"),
    "name": "review_analysis_agent",
}
INPUT = {"key": "p-1", "value": {"id": "p-1", "review": "the shipping was late"}}
ANALYSIS = {"id": "p-1", "score": 2, "reasons": ["shipping"]}


class Types:
    """Keeps the types of events."""

    def __init__(self):
        self.seen = []

    def event_processed(self, key, event_type, event):
        self.seen.append(event_type)


@pytest.mark.parametrize("agent", [CLASS_AGENT, YAML_AGENT], ids=["class", "yaml"])
@pytest.mark.parametrize("asynchronous", [True, False])
def test_the_review_agent_runs_upstreams_builtin_actions_in_order(agent, asynchronous):
    spec = {"agent": agent, "resources": {"chat_model_connections": [CONNECTION]}}
    types = Types()
    config = {"chat.async": asynchronous, "tool-call.async": asynchronous}
    result = LocalHost(build_plan(spec, config=config), observers=[types]).run([INPUT], deadline_s=60)
    assert result.failure is None, result.failure.traceback_text
    assert [(output.key, output.value) for output in result.outputs] == [("p-1", ANALYSIS)]
    assert types.seen == [
        "_input_event",
        "_chat_request_event",
        "_tool_request_event",
        "_tool_response_event",
        "_chat_response_event",
        "_output_event",
    ]
    assert result.metrics["action.chat_model_action.model.qwen3:8b.promptTokens"] == 82
    assert result.metrics["action.chat_model_action.model.qwen3:8b.completionTokens"] == 18
    assert result.metrics["action.tool_call_action.numOfActionsExecuted"] == 1
