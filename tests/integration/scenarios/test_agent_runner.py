"""The ``agent_runner`` fixture: one test, every tier, one form of evidence."""

from __future__ import annotations

import pytest

from flink_testbed.models.script import parse_script
from flink_testbed.models.server import ModelServer
from pytest_flink_agents.checks.delivery import EXACTLY_ONCE, check_delivery
from pytest_flink_agents.checks.finding import CheckResult, Validity
from pytest_flink_agents.run.agent_runner import AgentRunner
from pytest_flink_agents.run.subject import AgentFailedError

pytestmark = pytest.mark.slow


def test_evidence_has_the_same_form_on_every_tier(agent_runner: AgentRunner, flink_tier: str) -> None:
    evidence = agent_runner.run("scenarios.agents.till:TillAgent", [("ada", {"item": "tea", "amount": 3})])
    assert [output.value for output in evidence.outputs] == [{"item": "tea", "total": 3, "purchases": 1}]
    assert (evidence.tier, evidence.job_state) == (flink_tier, "FINISHED")


def test_a_channel_that_the_test_opened_replies_to_a_yaml_agent(
    agent_runner: AgentRunner, llm_server: ModelServer
) -> None:
    script = [{"when": {"contains": "thank"}, "reply": {"text": "You are welcome!"}}]
    with llm_server.channel(parse_script(script)) as channel:
        connection = {"name": "model_server", "clazz": "openai", "api_base_url": channel.openai_url, "api_key": "none"}
        evidence = agent_runner.run(
            {"yaml": "scenarios/agents/support.yaml", "name": "support_desk"},
            [("t-1", {"text": "thank you"})],
            resources={"chat_model_connections": [connection]},
        )
        assert [output.value for output in evidence.outputs] == [{"answer": "You are welcome!"}]
        assert len(channel.calls) == 1


def test_rules_of_a_test_answer_and_their_calls_are_evidence(agent_runner: AgentRunner) -> None:
    connection = {"name": "model_server", "clazz": "openai", "api_base_url": "${llm.openai_url}", "api_key": "none"}
    evidence = agent_runner.run(
        {"yaml": "scenarios/agents/support.yaml", "name": "support_desk"},
        [("t-1", {"text": "thank you"})],
        resources={"chat_model_connections": [connection]},
        llm=[{"when": {"contains": "thank"}, "reply": {"text": "You are welcome!"}}],
    )
    assert [output.value for output in evidence.outputs] == [{"answer": "You are welcome!"}]
    assert [call.rule for call in evidence.model_calls] == [0]


def test_calls_to_endpoints_are_evidence(agent_runner: AgentRunner) -> None:
    endpoint = {"name": "payments", "route": "POST /refunds", "reply": {"json": {"reference": "r-1"}}}
    inputs = [("c-1", {"order": "o-1", "amount": 20})]
    agent, environment = "scenarios.agents.refunds:RefundAgent", {"PAYMENTS_URL": "${effects.payments.url}"}
    evidence = agent_runner.run(agent, inputs, effects=[endpoint], environment=environment)
    assert [(call.route, call.key, call.input, call.body) for call in evidence.effects or ()] == [
        ("POST /refunds", "c-1", 0, inputs[0][1])
    ]
    other = {**endpoint, "route": "POST /payments"}
    with pytest.raises(AgentFailedError):
        agent_runner.run(agent, inputs, effects=[other], environment=environment)


def test_a_failing_agent_raises_unless_the_test_asks_for_its_evidence(agent_runner: AgentRunner) -> None:
    with pytest.raises(AgentFailedError, match=r"action double of agent .* failed, key 'n'") as caught:
        agent_runner.run("scenarios.agents.strict:StrictAgent", [("n", "twelve")])
    assert caught.value.evidence.failure is not None
    evidence = agent_runner.run("scenarios.agents.strict:StrictAgent", [("n", "twelve")], check=False)
    assert evidence.failure is not None
    assert evidence.failure.action == "double"


def test_a_call_that_the_agent_ignores_raises_in_a_closed_network(agent_runner: AgentRunner) -> None:
    calling = "tests.support.agents.calling:CallingAgent"
    with pytest.raises(AgentFailedError, match=r"connections to 192\.0\.2\.1:443 were blocked") as caught:
        agent_runner.run(calling, [("k", 1)], network="closed")
    assert [output.value for output in caught.value.evidence.outputs] == [["NetworkClosedError"] * 3]
    allowed = agent_runner.run(calling, [("k", 1)], network=["192.0.2.1:443"])
    assert allowed.blocked == ()
    assert "NetworkClosedError" not in allowed.outputs[0].value


# What an agent does wrong -> the class of its error, and the rule.
RULES = {
    "raises": ("ZeroDivisionError", "no way"),
    "input event": ("RuntimeError", "which only the engine may create"),
    "asyncio.sleep": ("RuntimeError", "Only 'await ctx.durable_execute_async(...)' is supported"),
    "thread, unheeded": ("RuntimeError", "only the action itself may use it"),
    "memory of a set": ("TypeError", "which is not checkpoint-stable"),
    "no JSON": ("ValidationError", "an event travels as JSON, as on Flink"),
}


@pytest.mark.parametrize("how", RULES)
def test_a_failing_input_is_reported_with_the_outputs_until_then(agent_runner: AgentRunner, how: str) -> None:
    """The failure has agent, action, key, input and rule; the event log has the outputs of all keys."""
    agent = "tests.support.agents.wrong_agents:Wrong"
    evidence = agent_runner.run(agent, [("c", 0), ("a", 1), ("b", 2), ("c", how), ("a", 3)], within_s=120, check=False)
    failure = evidence.failure
    assert failure is not None
    assert (failure.agent, failure.action, failure.key, failure.input) == (agent, "do", "c", how)
    kind, rule = RULES[how]
    assert failure.type == kind
    assert rule in failure.message
    emitted = [(event.key, event.attributes["output"]) for event in evidence.events if event.type == "_output_event"]
    assert emitted[:3] == [("c", 0), ("a", 1), ("b", 2)]


def test_a_hanging_action_is_named_at_the_deadline(agent_runner: AgentRunner, flink_tier: str) -> None:
    agent = "tests.support.agents.napping:NapAgent"
    # On Flink the operator has to be up by then, on a busy machine too.
    within_s = 2 if flink_tier == "local" else 15
    evidence = agent_runner.run(agent, [("quick", 0), ("slow", 300)], within_s=within_s, check=False)
    assert evidence.timed_out_after_s == within_s
    told = f'still waiting on action nap of key "slow" with input 300 (agent {agent})'
    assert evidence.log_tail.partition("\n")[0] == told


def test_a_delivery_uses_kafka_on_flink_and_memory_on_the_local_tier(
    agent_runner: AgentRunner, flink_tier: str
) -> None:
    inputs = [(f"k{number % 3}", {"item": "tea", "amount": number}) for number in range(30)]
    evidence = agent_runner.run("scenarios.agents.till:TillAgent", inputs, delivery="exactly_once", within_s=120)
    assert check_delivery(EXACTLY_ONCE, 1, evidence) == CheckResult("delivery", Validity.VALID)
    assert evidence.transport == ("memory" if flink_tier == "local" else "kafka")
    assert (evidence.checkpoints is None, evidence.restarts) == (flink_tier == "local", 0)
