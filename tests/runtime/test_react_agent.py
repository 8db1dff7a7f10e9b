import json

import pytest
from agent_run import failure_of, ollama, outputs_of, run

QUESTION = ("k", {"a": 2123, "b": 198})
CALL = {
    "when": {"contains": "2123 + 198"},
    "reply": {"tool_calls": [{"name": "add", "arguments": {"a": 2123, "b": 198}}]},
}
ANSWER = {"when": {"role": "tool", "contains": "2321"}, "reply": {"json": {"result": 2321}}}


def connections(channel):
    """Return the connection ``models`` for each agent."""
    return {
        "OLLAMA_SUMS": ollama(channel),
        "ROW_SUMS": ollama(channel),
        "PLAIN_SUMS": ollama(channel),
        "OPENAI_SUMS": {"name": "models", "clazz": "openai", "api_base_url": channel.openai_url, "api_key": "none"},
        "ANTHROPIC_SUMS": {
            "name": "models", "clazz": "anthropic", "base_url": channel.anthropic_url, "api_key": "none",
        },
    }  # fmt: skip


def how(agent, channel):
    return {"resources": {"chat_model_connections": [connections(channel)[agent]]}}


@pytest.mark.parametrize("asynchronous", [True, False])
@pytest.mark.parametrize("agent", ["OLLAMA_SUMS", "OPENAI_SUMS", "ANTHROPIC_SUMS", "ROW_SUMS"])
def test_the_model_gets_prompt_schema_and_tool_and_the_answer_fits_the_schema(agent, asynchronous, models):
    channel = models(CALL, ANSWER)
    options = {"chat__async": asynchronous, "tool_call__async": asynchronous}
    ((key, value),) = outputs_of(f"resource_agents:{agent}", QUESTION, **how(agent, channel), **options)
    assert (key, value) == ("k", {"result": 2321})
    first, second = channel.calls
    assert first.tools == ("add",)
    assert [message["role"] for message in second.messages][-1] == "tool"
    systems = json.dumps([message for message in first.messages if message["role"] == "system"])
    assert "You reckon." in systems
    assert "result" in systems


def test_a_str_input_needs_no_prompt(models):
    channel = models({"when": {"contains": "hello"}, "reply": {"text": "hi"}})
    outputs = outputs_of("resource_agents:PLAIN_SUMS", ("k", "hello"), **how("PLAIN_SUMS", channel))
    assert outputs == [("k", "hi")]


def test_a_mapping_as_input_needs_a_prompt(models):
    failure = failure_of("resource_agents:PLAIN_SUMS", ("k", {"a": 1}), **how("PLAIN_SUMS", models()))
    assert (failure.action, failure.key, failure.input) == ("start_action", "k", {"a": 1})
    assert "User should provide prompt" in failure.message


@pytest.mark.parametrize("reply", [{"text": "about two thousand"}, {"json": {"result": "many"}}, {"json": [1]}])
def test_an_answer_that_breaks_the_schema_is_in_the_failure(reply, models):
    channel = models({"reply": reply})
    failure = failure_of("resource_agents:OLLAMA_SUMS", QUESTION, **how("OLLAMA_SUMS", channel))
    assert (failure.action, failure.key, failure.input) == ("chat_model_action", *QUESTION)
    said = reply.get("text") or json.dumps(json.dumps(reply["json"]))
    assert "the model had answered" in failure.message
    assert said in failure.message
    assert failure.as_json()["message"] == failure.message


def test_retry_asks_again_after_an_answer_that_breaks_the_schema(models):
    channel = models({"reply": {"text": "hm"}, "times": 1}, {"reply": {"json": {"result": 2321}}})
    options = {"error_handling_strategy": "retry", "max_retries": 1, "retry_wait_interval": 0}
    outputs = outputs_of("resource_agents:OLLAMA_SUMS", QUESTION, **how("OLLAMA_SUMS", channel), **options)
    assert outputs == [("k", {"result": 2321})]
    channel = models({"reply": {"text": "hm"}})
    failure = failure_of("resource_agents:OLLAMA_SUMS", QUESTION, **how("OLLAMA_SUMS", channel), **options)
    assert "the model had answered" in failure.message
    assert len(channel.calls) == 2


def test_ignore_ends_the_run_without_an_output(models):
    rules = ({"when": {"contains": "2123"}, "reply": {"text": "hm"}}, {"reply": {"json": {"result": 3}}})
    result = run(
        "resource_agents:OLLAMA_SUMS", QUESTION, ("other", {"a": 1, "b": 2}),
        **how("OLLAMA_SUMS", models(*rules)), error_handling_strategy="ignore",
    )  # fmt: skip
    assert result.failure is None
    assert [(output.key, output.value) for output in result.outputs] == [("other", {"result": 3})]
