"""Names, keys and values of the environment on Flink, without Flink."""

from __future__ import annotations

import pytest
from flink_agents.api.prompts.prompt import Prompt
from flink_agents.api.resource import ResourceType
from pyflink.common import Row
from runtime_agents import Echo

from flink_agents_runtime.observe.json_log import DIRECTORY_VARIABLE
from flink_agents_runtime.on_flink.environment import FlinkEnvironment
from flink_agents_runtime.on_flink.stream_operator import TextKey, typed_key_text, with_rows


def test_agents_of_one_class_get_different_names() -> None:
    env = FlinkEnvironment(None)
    assert [env.name_for(agent) for agent in (Echo(), "till", Echo(), "till")] == [
        "Echo",
        "till",
        "Echo-2",
        "till-2",
    ]


def test_registered_agents_resources_and_options_are_in_the_plan(tmp_path) -> None:
    file = tmp_path / "agents.yaml"
    action = "{name: echo, function: 'runtime_agents:Echo.echo', listen_to: [input]}"
    file.write_text(f"agents: [{{name: one, actions: [{action}]}}]")
    env = FlinkEnvironment(None)
    env.load_yaml(file)
    env.add_resource("p", ResourceType.PROMPT, Prompt.from_text("shared"))
    env.get_config().set_int("max-retries", 5)
    plan = env.plan_of("one")
    assert next(iter(plan.actions)) == "echo"
    assert plan.resource_providers[ResourceType.PROMPT]["p"].serialized["template"] == "shared"
    assert plan.config.get_int("max-retries") == 5
    with pytest.raises(ValueError, match="the environment has no agent 'two'; load_yaml registered: one"):
        env.plan_of("two")


def test_lists_and_unkeyed_streams_are_refused() -> None:
    env = FlinkEnvironment(None)
    with pytest.raises(NotImplementedError, match="belong to the local environment"):
        env.from_list([])
    with pytest.raises(ValueError, match="key_selector"):
        env.from_datastream(object())


def test_different_keys_have_different_texts() -> None:
    keys = [1, "1", 1.5, None, True, b"1", (1, 2), Row(1, 2), Row("1", 2), (1, "2"), "[1, 2]"]
    texts = [typed_key_text(key) for key in keys]
    assert len(set(texts)) == len(keys)


def test_a_key_that_cannot_be_written_as_json_is_refused() -> None:
    with pytest.raises(TypeError, match="key the stream by a str, number or bool"):
        typed_key_text(object())


def test_equal_keys_of_different_types_select_different_texts() -> None:
    keys = [TextKey(selector).get_key({"k": key}) for key in (1, True, 1.0, "1") for selector in (lambda v: v["k"],)]
    assert keys == ["1", "true", "1.0", '"1"']


def test_two_environments_of_one_job_give_different_names() -> None:
    class Job:
        """Stands for a StreamExecutionEnvironment."""

    job = Job()
    names = [FlinkEnvironment(env).name_for(Echo()) for env in (job, job, Job())]
    assert names == ["Echo", "Echo-2", "Echo"]


def test_rows_come_out_as_rows() -> None:
    row = {"type": "Row", "values": [1, "x"], "fields": ["a", "b"]}
    assert with_rows([row, {"inner": row}]) == [Row(a=1, b="x"), {"inner": Row(a=1, b="x")}]
    assert with_rows({"type": "Row", "values": [1]}) == Row(1)
    assert with_rows({"type": "Row"}) == {"type": "Row"}


def test_the_events_of_a_programs_agents_are_logged_where_the_harness_reads_them(monkeypatch):
    env = FlinkEnvironment(None)
    env.get_config().set_str("baseLogDir", "/of/the/program")
    assert dict(env.plan_of(Echo()).config.conf_data) == {"baseLogDir": "/of/the/program"}
    monkeypatch.setenv(DIRECTORY_VARIABLE, "/of/the/harness")
    assert dict(env.plan_of(Echo()).config.conf_data) == {"baseLogDir": "/of/the/harness", "event-log.level": "VERBOSE"}
    env.get_config().set_str("event-log.level", "OFF")
    assert env.plan_of(Echo()).config.conf_data["event-log.level"] == "OFF"
