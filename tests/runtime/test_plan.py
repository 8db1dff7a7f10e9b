"""Plans from every kind of agent reference, and the errors of invalid ones."""

import json
import sys
from pathlib import Path

import flink_agents.examples.quickstart as quickstart
import pytest
from engine_bench import Bench
from flink_agents.api.resource import ResourceType

from flink_agents_runtime.config.configuration import Configuration
from flink_agents_runtime.config.options import OptionError
from flink_agents_runtime.plan.agent_reference import PlanError
from flink_agents_runtime.plan.build import build_plan, load_plan
from flink_agents_runtime.plan.listeners import _require_no_subagents, require_supported_parts

YAML_AGENT = Path(quickstart.__path__[0]) / "yaml_review_analysis_agent.yaml"
CONNECTION = {"name": "ollama_server", "clazz": "runtime_agents.ScriptedConnection", "name_of_server": "scenario's"}


def refused(spec, config=None):
    """Return the PlanError of a specification."""
    with pytest.raises(PlanError) as caught:
        build_plan(spec, config=config or {})
    return caught.value


def test_a_plan_survives_json():
    plan = build_plan({"agent": "runtime_agents:Tooled"}, config={"max-retries": "2"})
    again = load_plan(plan.model_dump_json(serialize_as_any=True))
    assert again.actions_by_event == plan.actions_by_event
    assert again.resource_providers[ResourceType.TOOL].keys() == {"double"}
    assert again.config.conf_data == {"max-retries": 2}


def test_an_object_of_a_module_is_an_agent_too():
    import runtime_agents

    build_plan({"agent": "runtime_agents:needy", "resources": {"chat_model_connections": [CONNECTION]}}, config={})
    assert runtime_agents.needy.resources[ResourceType.CHAT_MODEL_CONNECTION] == {}


def test_a_scenarios_resource_takes_the_place_of_a_declared_one():
    """A resource of the same type and name overrides the one that a decorator declares."""
    connection = {**CONNECTION, "name": "server"}
    spec = {"agent": "runtime_agents:Connected", "resources": {"chat_model_connections": [connection]}}
    plan = build_plan(spec, config={})
    provider = plan.resource_providers[ResourceType.CHAT_MODEL_CONNECTION]["server"]
    assert provider.descriptor.arguments == {"name_of_server": "scenario's"}


def test_a_yaml_agent_is_pointed_at_the_scenarios_server():
    """Upstream's sample declares its own connection, which the scenario replaces."""
    spec = {
        "agent": {"yaml": str(YAML_AGENT), "name": "review_analysis_agent"},
        "resources": {"chat_model_connections": [CONNECTION]},
    }
    plan = build_plan(spec, config={})
    provider = plan.resource_providers[ResourceType.CHAT_MODEL_CONNECTION]["ollama_server"]
    assert provider.descriptor.target_clazz == "ScriptedConnection"
    assert "review_analysis_model" in plan.resource_providers[ResourceType.CHAT_MODEL]
    assert plan.actions_by_event["_input_event"] == ["process_input"]


def test_shared_resources_of_a_yaml_file_yield_to_the_agents_own(tmp_path):
    file = tmp_path / "agents.yaml"
    file.write_text(
        """
agents:
  - name: one
    actions: [echo]
    prompts: [{name: p, text: own}]
prompts: [{name: p, text: shared}, {name: q, text: shared}]
actions: [{name: echo, function: "runtime_agents:Echo.echo", listen_to: [input]}]
"""
    )
    plan = build_plan({"agent": {"yaml": str(file), "name": "one"}}, config={})
    prompts = plan.resource_providers[ResourceType.PROMPT]
    assert {name: provider.serialized["template"] for name, provider in prompts.items()} == {"p": "own", "q": "shared"}
    assert plan.actions_by_event["_input_event"] == ["echo"]


def test_skills_of_agent_and_scenario_are_merged(tmp_path):
    file = tmp_path / "agents.yaml"
    file.write_text("agents: [{name: one, skills: [{name: s, paths: [./mine]}]}]")
    resources = {"skills": [{"name": "t", "paths": ["./theirs"]}]}
    plan = build_plan({"agent": {"yaml": str(file), "name": "one"}, "resources": resources}, config={})
    (provider,) = plan.resource_providers[ResourceType.SKILLS].values()
    assert [source["params"]["path"] for source in provider.serialized["sources"]] == ["./mine", "./theirs"]


def test_a_plan_file_is_run_with_the_scenarios_options(tmp_path):
    plan = build_plan({"agent": "runtime_agents:Echo"}, config={"max-retries": 1, "own": "kept"})
    file = tmp_path / "plan.json"
    file.write_text(plan.model_dump_json(serialize_as_any=True))
    again = build_plan({"agent": {"plan": str(file)}}, config={"max-retries": 9})
    assert again.config.conf_data == {"max-retries": 9, "own": "kept"}


def test_the_next_dialect_is_refused():
    plan = json.loads(build_plan({"agent": "runtime_agents:Echo"}, config={}).model_dump_json())
    plan["actions"]["echo"]["trigger_conditions"] = plan["actions"]["echo"].pop("listen_event_types")
    with pytest.raises(PlanError, match=r"dialect of flink-agents 0\.4") as caught:
        load_plan(json.dumps(plan))
    assert caught.value.seen == "trigger_conditions in action 'echo': _input_event"
    assert "CEL" not in str(caught.value)


def test_a_condition_of_the_next_dialect_is_refused_by_its_words():
    """The error names the action, the CEL expression, and the operator that could evaluate it."""
    plan = json.loads(build_plan({"agent": "runtime_agents:Echo"}, config={}).model_dump_json())
    del plan["actions"]["echo"]["listen_event_types"]
    plan["actions"]["echo"]["trigger_conditions"] = ["noted", "attributes.amount > 100 && type == 'placed'"]
    with pytest.raises(
        PlanError, match=r"condition \(CEL\), which only the Java operator of 0\.4 can evaluate"
    ) as caught:
        load_plan(json.dumps(plan))
    assert caught.value.seen == "trigger_conditions in action 'echo': attributes.amount > 100 && type == 'placed'"


def test_subagents_are_refused_by_name():
    plan = build_plan({"agent": "runtime_agents:Echo"}, config={})
    with pytest.raises(PlanError, match="has subagents, which the bundled engine does not execute") as caught:
        _require_no_subagents({"agent": {"clerk": {}, "agent": {}}, "tool": {}})
    assert caught.value.seen == "agent, clerk"
    require_supported_parts(plan)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"actions": 1}', '{"actions": {}}'])
def test_what_is_no_plan_is_refused(text):
    with pytest.raises(PlanError):
        load_plan(text)


def test_java_parts_need_a_java():
    plan = json.loads(build_plan({"agent": "runtime_agents:Echo"}, config={}).model_dump_json())
    java = {"func_type": "JavaFunction", "qualname": "a.B", "method_name": "c", "parameter_types": ["x", "y"]}
    plan["actions"]["echo"]["exec"] = java
    from flink_agents_runtime.engine.engine import Engine
    from flink_agents_runtime.java.errors import NoJavaError

    with pytest.raises(NoJavaError, match="the agent has parts in Java: action echo") as refused:
        Engine(load_plan(json.dumps(plan)), executor=None)
    assert refused.value.kind == "java"


@pytest.mark.parametrize(
    ("spec", "message", "nearest"),
    [
        ({"agent": "no_such_module_x:A"}, "there is no module 'no_such_module_x'", ""),
        ({"agent": "runtime_agents"}, "module:Class", ""),
        ({"agent": "runtime_agents:Ecko"}, "has no 'Ecko'", "Echo"),
        ({"agent": "runtime_agents:NoAgent"}, "is not an agent", ""),
        ({"agent": "runtime_agents:Needy"}, "requires arguments", ""),
        ({"agent": {"yaml": "no/such.yaml", "name": "x"}}, "cannot read", ""),
        ({"agent": {"yaml": str(YAML_AGENT), "name": "review_analysis_agnt"}}, "no agent", "review_analysis_agent"),
        ({"agent": {"plan": "no/such.json"}}, "cannot read", ""),
        ({"agent": None}, "names no agent", ""),
        ({}, "names no agent", ""),
        ({"agent": "runtime_agents:Echo", "resources": {"chat_models": []}}, "cannot be read as flink-agents YAML", ""),
        ({"agent": "runtime_agents:Echo", "resources": {"agents": []}}, "the resources contain other sections", ""),
    ],
)
def test_an_invalid_reference_has_a_message_and_a_near_name(spec, message, nearest):
    error = refused(spec)
    assert message in str(error)
    assert error.nearest == nearest


def test_an_error_inside_a_module_is_not_a_missing_module(tmp_path, monkeypatch):
    (tmp_path / "broken_agent_module.py").write_text("import a_package_that_is_not_there")
    monkeypatch.syspath_prepend(tmp_path)
    error = refused({"agent": "broken_agent_module:A"})
    assert "cannot be imported" in error.message
    assert "a_package_that_is_not_there" in error.seen
    assert "broken_agent_module" not in sys.modules


def test_a_yaml_file_of_the_next_version_is_explained(tmp_path):
    file = tmp_path / "agents.yaml"
    action = "{name: echo, function: 'runtime_agents:Echo.echo', trigger_conditions: [input]}"
    file.write_text(f"agents: [{{name: one, actions: [{action}]}}]")
    assert "listen_to" in refused({"agent": {"yaml": str(file), "name": "one"}}).next_step


def test_options_mean_what_they_say():
    """Nested keys are flattened, words are read in any case, and unknown keys are kept."""
    options = Configuration(
        {
            "chat": {"async": "false"},
            "error-handling-strategy": "RETRY",
            "event-log.level": "verbose",
            "event-log.type.a.b.level": "off",
            "max-retries": "4",
            "mine": {"own": "x"},
        }
    )
    assert options.conf_data == {
        "chat.async": False,
        "error-handling-strategy": "retry",
        "event-log.level": "VERBOSE",
        "event-log.type.a.b.level": "OFF",
        "max-retries": 4,
        "mine.own": "x",
    }


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("chat.async", "maybe", "true or false"),
        ("max-retries", "many", "an integer"),
        ("max-retries", True, "integer"),
    ],
)
def test_an_invalid_option_value_is_an_error(key, value, expected):
    with pytest.raises(OptionError, match=expected):
        Configuration({key: value})


def test_an_invalid_word_names_the_nearest_one():
    error = refused({"agent": "runtime_agents:Echo"}, {"error-handling-strategy": "retri"})
    assert (error.nearest, error.expected) == ("retry", "one of retry, fail, ignore")


def test_typed_options_reach_the_action():
    bench = Bench("Configured", **{"max-retries": "7"})
    bench.settle(1)
    assert bench.outputs[0][3] == 7
