import json
import time

import pytest
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.api.prompts.prompt import Prompt
from flink_agents.api.resource import ResourceDescriptor, ResourceType
from flink_agents.examples.quickstart.agents.custom_types_and_resources import ProductReview
from flink_agents.examples.quickstart.agents.review_analysis_agent import ReviewAnalysisAgent
from runtime_agents import Configured, Echo, FailsOnTwo, Remembering

from flink_agents_runtime.engine.failure import ActionFailure
from flink_agents_runtime.local.environment import LocalEnvironment


def test_a_script_for_upstreams_local_environment_runs():
    environment = LocalEnvironment()
    assert isinstance(environment, AgentsExecutionEnvironment)
    outputs = environment.from_list([{"key": "a", "value": 1}, {"k": "b", "v": 2}]).apply(Echo()).to_list()
    assert outputs == []
    environment.execute()
    assert outputs == [{"a": 1}, {"b": 2}]


def test_an_environment_may_have_several_pipelines():
    environment = LocalEnvironment()
    records = [{"key": "a", "value": 1}, {"key": "b", "value": 3}]
    echoed = environment.from_list(records).apply(Echo()).to_list()
    sums = environment.from_list(records[:1]).apply(Remembering()).to_list()
    environment.execute()
    assert echoed == [{"a": 1}, {"b": 3}]
    assert [list(each) for each in sums] == [["a"]]
    assert environment.outputs() == [*echoed, *sums]


def test_inputs_may_be_a_generator_and_a_long_execution_reports_its_progress(monkeypatch, capsys):
    monkeypatch.setattr("flink_agents_runtime.local.progress.FIRST_LINE_S", 0.01)

    def slowly():
        for number in range(3):
            time.sleep(0.05)
            yield {"key": "a", "value": number}

    told = []
    for quiet in (False, True):
        environment = LocalEnvironment(quiet=quiet)
        outputs = environment.from_list(slowly()).apply(Echo()).to_list()
        environment.execute()
        assert outputs == [{"a": 0}, {"a": 1}, {"a": 2}]
        told.append(capsys.readouterr().err)
    assert "flink-agents, local: " in told[0]
    assert "inputs done after" in told[0]
    assert "inputs done" not in told[1]


def test_environments_share_no_options():
    one, other = LocalEnvironment(), LocalEnvironment()
    one.get_config().set_str("max-retries", "8")
    lists = [each.from_list([{"value": 1}]).apply(Configured()).to_list() for each in (one, other)]
    one.execute()
    other.execute()
    assert [next(iter(found[0].values()))[3] for found in lists] == [8, 0]


def test_options_of_a_file_yield_to_those_of_the_script(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("agent: {max-retries: 4, event-log: {level: 'OFF'}}")
    environment = LocalEnvironment()
    environment.get_config(str(file))
    assert environment.get_config().get_int("max-retries") == 4
    environment.get_config().set_int("max-retries", 5)
    outputs = environment.from_list([{"value": 1}]).apply(Configured()).to_list()
    environment.execute()
    assert next(iter(outputs[0].values()))[3] == 5


def test_tool_requests_can_be_read_after_the_execution():
    environment = LocalEnvironment()
    connection = ResourceDescriptor(clazz="runtime_agents.ScriptedConnection")
    environment.add_resource("ollama_server", ResourceType.CHAT_MODEL_CONNECTION, connection)
    review = ProductReview(id="p-1", review="the shipping was late")
    outputs = environment.from_list([{"key": "a", "value": review}]).apply(ReviewAnalysisAgent()).to_list()
    environment.execute()
    assert outputs == [{"a": {"id": "p-1", "score": 2, "reasons": ["shipping"]}}]
    (request,) = environment.get_tool_request_events()
    assert request.tool_calls[0]["function"]["name"] == "notify_shipping_manager"


def test_resources_of_the_environment_yield_to_those_of_a_yaml_agent(tmp_path):
    file = tmp_path / "agents.yaml"
    action = "{name: echo, function: 'runtime_agents:Echo.echo', listen_to: [input]}"
    file.write_text(f"agents: [{{name: one, actions: [{action}], prompts: [{{name: p, text: own}}]}}]")
    environment = LocalEnvironment()
    environment.load_yaml(file)
    environment.add_resource("p", ResourceType.PROMPT, Prompt.from_text("shared"))
    environment.add_resource("q", ResourceType.PROMPT, Prompt.from_text("shared"))
    prompts = environment.plan_of("one").resource_providers[ResourceType.PROMPT]
    assert {name: provider.serialized["template"] for name, provider in prompts.items()} == {"p": "own", "q": "shared"}
    outputs = environment.from_list([{"key": 1, "value": "x"}]).apply("one").to_list()
    environment.execute()
    assert outputs == [{1: "x"}]
    with pytest.raises(ValueError, match="the environment has no agent 'two'; load_yaml registered: one"):
        environment.from_list([]).apply("two")


def test_a_failure_is_raised_and_earlier_outputs_are_kept():
    environment = LocalEnvironment()
    outputs = environment.from_list([{"key": "a", "value": 1}, {"key": "a", "value": 2}]).apply(FailsOnTwo()).to_list()
    with pytest.raises(ActionFailure) as caught:
        environment.execute()
    assert isinstance(caught.value.original, ValueError)
    assert outputs == [{"a": 1}]


def test_base_log_dir_gets_one_event_log_per_pipeline(tmp_path):
    environment = LocalEnvironment()
    environment.get_config().set_str("baseLogDir", str(tmp_path / "logs"))
    environment.from_list([{"key": "a", "value": 1}]).apply(Echo())
    environment.execute("job")
    lines = (tmp_path / "logs" / "events-job-0.log").read_text().splitlines()
    assert [json.loads(line)["eventType"] for line in lines] == ["_input_event", "_output_event"]


def test_streams_and_tables_are_refused_with_the_next_step():
    environment = LocalEnvironment()
    builder = environment.from_list([])
    for call in (
        lambda: environment.from_datastream(None),
        lambda: environment.from_table(None),
        builder.to_datastream,
        lambda: builder.to_table(None, None),
    ):
        with pytest.raises(NotImplementedError, match="StreamExecutionEnvironment"):
            call()


def test_no_agent_two_agents_and_two_executions_are_errors():
    environment = LocalEnvironment()
    builder = environment.from_list([])
    with pytest.raises(RuntimeError, match="takes one agent"):
        builder.apply(Echo()).apply(Echo())
    environment.execute()
    with pytest.raises(RuntimeError, match="executed once"):
        environment.execute()
    unfinished = LocalEnvironment()
    unfinished.from_list([])
    with pytest.raises(RuntimeError, match="call apply"):
        unfinished.execute()


def test_an_unhashable_key_is_named_before_any_action_runs():
    environment = LocalEnvironment()
    outputs = environment.from_list([{"key": ["a"], "value": 1}]).apply(Echo()).to_list()
    with pytest.raises(TypeError, match=r"input 0 has the unhashable key \['a'\]"):
        environment.execute()
    assert outputs == []
