"""The examples shipped with flink-agents run unchanged, with scripted models."""

import importlib
import json
import pkgutil
from functools import partial
from pathlib import Path

import flink_agents.examples
import pytest
from agent_run import ollama, outputs_of
from flink_agents.api.agents.agent import Agent
from flink_agents.api.agents.react_agent import ReActAgent
from flink_agents.api.resource import ResourceDescriptor, ResourceName, ResourceType
from flink_agents.api.tools.tool import Tool
from flink_agents.examples.quickstart.agents.custom_types_and_resources import (
    ProductReviewAnalysisRes,
    ProductReviewSummary,
    notify_shipping_manager,
    review_analysis_react_prompt,
)

from flink_agents_runtime.local.environment import LocalEnvironment

ROOT = Path(flink_agents.examples.__path__[0])
AGENTS = "flink_agents.examples.quickstart.agents"
CLASS_REVIEWS = f"{AGENTS}.review_analysis_agent:ReviewAnalysisAgent"
TABLE_REVIEWS = f"{AGENTS}.table_review_analysis_agent:TableReviewAnalysisAgent"
SUGGESTIONS = f"{AGENTS}.product_suggestion_agent:ProductSuggestionAgent"
PARALLEL = f"{AGENTS}.parallel_chat_agent:ParallelChatAgent"
MATH = f"{AGENTS}.math_agent:MathAgent"
RAG = "flink_agents.examples.rag.rag_agent_example:MyRAGAgent"
YAML = "quickstart/yaml_review_analysis_agent.yaml"

# What is in the package, and what is done with it here.
EXAMPLES = {
    "quickstart/agents/review_analysis_agent.py": "run",
    "quickstart/agents/table_review_analysis_agent.py": "run",
    "quickstart/agents/product_suggestion_agent.py": "run",
    "quickstart/agents/parallel_chat_agent.py": "run",
    "quickstart/agents/math_agent.py": "run",
    "quickstart/react_agent_example.py": "its agent is run, made as main() makes it",
    "rag/rag_agent_example.py": "run",
    "rag/knowledge_base_setup.py": "run, by the test of the agent that needs it",
    YAML: "run",
    "quickstart/agents/custom_types_and_resources.py": "no agent: what the others share",
    "quickstart/workflow_single_agent_example.py": "a Flink job, from file to print, around an agent that is run",
    "quickstart/workflow_multiple_agent_example.py": "a Flink job; its agents are run, one after the other",
    "quickstart/parallel_chat_request_example.py": "a Flink job around an agent that is run",
    "quickstart/skills_agent_example.py": "a Flink job around an agent that is run",
    "quickstart/yaml_workflow_agent_example.py": "a Flink job around the YAML agent, which is run",
}
REVIEWS = [
    ("p-1", {"id": "p-1", "review": "the shipping box was crushed"}),
    ("p-2", {"id": "p-2", "review": "works well"}),
]
ANALYSES = [
    ("p-1", {"id": "p-1", "score": 2, "reasons": ["shipping"]}),
    ("p-2", {"id": "p-2", "score": 5, "reasons": []}),
]


def modules():
    found = pkgutil.walk_packages([str(ROOT)], "flink_agents.examples.")
    return [importlib.import_module(module.name) for module in found if not module.ispkg]


def agents_in(module):
    return [
        thing for thing in vars(module).values() if isinstance(thing, type) and issubclass(thing, Agent)
    ]  # fmt: skip


def test_every_example_of_the_release_is_run_or_listed():
    """Notices a release that adds or removes an example."""
    files = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.suffix in (".py", ".yaml")}
    assert {file for file in files if not file.endswith("__init__.py")} == set(EXAMPLES)
    classes = {f"{each.__module__}:{each.__name__}" for module in modules() for each in agents_in(module)}
    own = {name for name in classes if name.startswith("flink_agents.examples.")}
    assert own == {CLASS_REVIEWS, TABLE_REVIEWS, SUGGESTIONS, PARALLEL, MATH, RAG}


def reviewer(models):
    """A channel that notifies the shipping manager of the first product's review, and then judges each one."""
    notify = {"name": "notify_shipping_manager", "arguments": {"id": "p-1", "review": "crushed"}}
    return models(
        {"when": {"role": "tool"}, "reply": {"text": json.dumps(ANALYSES[0][1])}},
        {"when": {"contains": "shipping box"}, "reply": {"tool_calls": [notify]}},
        {"when": {"contains": "works well"}, "reply": {"text": json.dumps(ANALYSES[1][1])}},
    )


def connected(channel):
    return {"chat_model_connections": [ollama(channel, "ollama_server")]}


@pytest.mark.parametrize(
    "agent",
    [CLASS_REVIEWS, TABLE_REVIEWS, {"yaml": str(ROOT / YAML), "name": "review_analysis_agent"}],
    ids=["class", "table", "yaml"],
)
def test_the_review_agents_notify_the_shipping_manager(agent, models, capsys):
    channel = reviewer(models)
    outputs = outputs_of(agent, *REVIEWS, resources=connected(channel))
    assert sorted(outputs) == ANALYSES
    assert "Transportation issue for product [p-1], the customer feedback: crushed" in capsys.readouterr().out
    assert (len(channel.calls), channel.unmatched) == (3, ())


def test_the_react_agent_answers_in_the_shape_of_its_schema(models, capsys):
    channel = reviewer(models)
    environment = LocalEnvironment(deadline_s=120)
    connection = ResourceDescriptor(
        clazz=ResourceName.ChatModel.OLLAMA_CONNECTION, base_url=channel.ollama_url, request_timeout=60
    )
    environment.add_resource("ollama_server", ResourceType.CHAT_MODEL_CONNECTION, connection)
    environment.add_resource("notify_shipping_manager", ResourceType.TOOL, Tool.from_callable(notify_shipping_manager))
    agent = ReActAgent(
        chat_model=ResourceDescriptor(
            clazz=ResourceName.ChatModel.OLLAMA_SETUP,
            connection="ollama_server",
            model="qwen3:8b",
            tools=["notify_shipping_manager"],
        ),
        prompt=review_analysis_react_prompt,
        output_schema=ProductReviewAnalysisRes,
    )
    outputs = environment.from_list([{"key": key, "value": value} for key, value in REVIEWS]).apply(agent).to_list()
    environment.execute()
    assert sorted(item for output in outputs for item in output.items()) == ANALYSES
    assert "Transportation issue for product [p-1]" in capsys.readouterr().out


def test_the_workflow_turns_analyses_into_suggestions(models):
    from flink_agents.examples.quickstart.workflow_multiple_agent_example import (
        AggregateScoreDistributionAndDislikeReasons,
    )

    analyses = outputs_of(TABLE_REVIEWS, *REVIEWS, resources=connected(reviewer(models)))
    elements = [ProductReviewAnalysisRes(**value) for _, value in sorted(analyses)]
    (summary,) = AggregateScoreDistributionAndDislikeReasons().process("p", None, elements)
    assert summary == ProductReviewSummary(
        id="p", score_hist=["0.0%", "50.0%", "0.0%", "0.0%", "50.0%"], unsatisfied_reasons=["shipping"]
    )
    channel = models(
        {"when": {"contains": "'50.0%'"}, "reply": {"text": json.dumps({"suggestion_list": ["a stronger box"]})}}
    )
    outputs = outputs_of(SUGGESTIONS, ("p", summary), resources=connected(channel))
    assert outputs == [("p", {"id": "p", "score_hist": summary.score_hist, "suggestions": ["a stronger box"]})]


def test_the_parallel_chat_agent_asks_two_models_at_the_same_time(models):
    channel = models(
        {"when": {"contains": "Judgments:"}, "reply": {"text": '{"summary": "taste:positive, service:negative"}'}},
        {"when": {"contains": '"taste"'}, "reply": {"text": '{"aspect": "taste", "result": "positive"}'}},
        {"when": {"contains": '"service"'}, "reply": {"text": '{"aspect": "service", "result": "negative"}'}},
    )
    text = "The food here is great, but the service is too slow"
    outputs = outputs_of(PARALLEL, (1, {"id": 1, "text": text}), resources=connected(channel))
    assert outputs == [(1, {"id": 1, "text": text, "summary": "taste:positive, service:negative"})]
    assert "taste:positive service:negative" in channel.calls[-1].messages[-1]["content"]


def test_the_skills_agent_loads_its_skill_and_uses_the_shell(models):
    command = {"name": "bash", "arguments": {"command": "echo $(((2 + 3) * 4))"}}
    channel = models(
        {"when": {"role": "tool", "contains": "Calculator"}, "reply": {"tool_calls": [command]}},
        {"when": {"role": "tool", "contains": "20"}, "reply": {"text": "20"}},
        {"reply": {"tool_calls": [{"name": "load_skill", "arguments": {"name": "math-calculator"}}]}},
    )
    assert outputs_of(MATH, ("k", "What is (2 + 3) * 4?"), resources=connected(channel)) == [("k", "20")]
    assert len(channel.calls) == 3


def test_the_retrieval_agent_puts_the_nearest_document_into_the_prompt(models, monkeypatch):
    from flink_agents.examples.rag import knowledge_base_setup

    channel = models(
        {"when": {"role": "user", "contains": "User Question"}, "reply": {"text": "a framework"}},
    )
    connection = partial(knowledge_base_setup.OllamaEmbeddingModelConnection, base_url=channel.ollama_url)
    monkeypatch.setattr(knowledge_base_setup, "OllamaEmbeddingModelConnection", connection)
    knowledge_base_setup.populate_knowledge_base()
    resources = {
        "chat_model_connections": [ollama(channel, "ollama_chat_connection")],
        "embedding_model_connections": [
            {"name": "ollama_embedding_connection", "clazz": "ollama", "base_url": channel.ollama_url}
        ],
    }
    assert outputs_of(RAG, ("001", "What is Apache Flink Agents?"), resources=resources) == [("001", "a framework")]
    asked = next(call for call in channel.calls if "User Question" in str(call.messages))
    assert "Apache Flink Agents is an innovative Agentic AI framework" in asked.messages[-1]["content"]
