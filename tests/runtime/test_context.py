"""The context of an action and its misuse."""

import threading

import pytest
import runtime_agents
from engine_bench import Bench
from flink_agents.api.resource import ResourceType
from runtime_agents import TRACE

from flink_agents_runtime.engine.failure import ActionFailure
from flink_agents_runtime.engine.run import Step


@pytest.mark.parametrize("how", ["memory", "event"])
def test_a_durable_call_must_not_use_memory_or_context(how):
    bench = Bench("Escaping")
    bench.settle(how)
    thread = threading.Thread(target=bench.executor.run_next)
    thread.start()
    thread.join()
    with pytest.raises(ActionFailure, match="off its thread"):
        bench.settle()


def test_a_context_is_closed_after_its_action():
    bench = Bench("Escaping")
    assert bench.settle("neither") is Step.IDLE
    context = TRACE[0]
    for use in (
        lambda: context.short_term_memory,
        lambda: context.agent_metric_group,
        lambda: context.get_resource("x", ResourceType.TOOL),
        lambda: context.durable_execute(len, ""),
        lambda: context.durable_execute_async(len, ""),
    ):
        with pytest.raises(RuntimeError, match="off its thread, or after the action had ended"):
            use()


def test_options_of_action_and_agent():
    bench = Bench("Configured", **{"max-retries": "5"})
    bench.settle(1)
    assert bench.outputs == [[{"limit": 3}, 3, None, 5]]


def test_long_term_memory_names_its_options():
    with pytest.raises(ActionFailure) as caught:
        Bench("Wrong").settle("long-term memory")
    for option in ("chat-model-setup", "embedding-model-setup", "vector-store"):
        assert f"long-term-memory.mem0.{option}" in str(caught.value.original)


def test_long_term_memory_is_upstreams_where_it_is_configured():
    options = {
        "long-term-memory.mem0.chat-model-setup": "my-chat",
        "long-term-memory.mem0.embedding-model-setup": "my-embedding",
        "long-term-memory.mem0.vector-store": "my-store",
        "job-identifier": "job-7",
    }
    bench = Bench("Wrong", **options)
    with pytest.raises(ActionFailure, match="no chat model 'my-chat'"):
        bench.settle("long-term memory")
    memory = bench.engine._long_term_memory
    assert (memory.job_id, memory.vector_store_name) == ("job-7", "my-store")


def test_a_resource_is_bound_to_the_actions_metrics():
    bench = Bench("Connected")
    bench.settle(1)
    connection = bench.engine.resources.get_resource("server", ResourceType.CHAT_MODEL_CONNECTION)
    assert connection.metric_group is bench.engine.metrics.action("name")
    bench.settle("the agent's group")
    assert connection.metric_group is bench.engine.metrics.agent


def test_a_resource_type_given_as_str_names_the_member_to_pass():
    resources = Bench("Connected").engine.resources
    with pytest.raises(KeyError, match=r"no ResourceType; pass ResourceType\.CHAT_MODEL_CONNECTION"):
        resources.get_resource("server", "chat_model_connection")


def test_an_error_of_a_resource_keeps_its_class_and_names_the_resource(monkeypatch):
    def refuse(self):
        raise ConnectionRefusedError("nobody home")

    monkeypatch.setattr(runtime_agents.ScriptedConnection, "open", refuse)
    with pytest.raises(ConnectionRefusedError, match="nobody home") as caught:
        Bench("Connected").engine.resources.get_resource("server", ResourceType.CHAT_MODEL_CONNECTION)
    assert caught.value.__notes__ == ["chat model connection 'server' cannot be created"]


def test_metrics_of_actions_are_there_before_they_run():
    bench = Bench("Metered")
    before = bench.engine.metrics.agent.snapshot()
    assert before["action.measure.numOfActionsExecuted"] == 0
    assert before["action.chat_model_action.numOfActionsExecuted"] == 0
    bench.settle(1, 2)
    after = bench.engine.metrics.agent.snapshot()
    assert after["numOfEventProcessed"] == 2
    assert after["numOfActionsExecuted"] == after["action.measure.numOfActionsExecuted"] == 2
    assert after["numOfEventProcessedPerSec"] > 0
    assert after["mine"] == 4
    assert after["action.measure.level"] == 0.5
    assert after["action.measure.model.m=1.calls"] == 2
    assert after["action.measure.size.mean"] == 4
