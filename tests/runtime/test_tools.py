import pytest
from agent_run import failure_of, ollama, run

from flink_agents_runtime.java.errors import NoJavaError

AGENT = "resource_agents:Asking"
INPUT = ("k", "where is my order?")


def resources(channel, **sections):
    return {"chat_model_connections": [ollama(channel)], **sections}


def called(name, **arguments):
    return {"reply": {"tool_calls": [{"name": name, "arguments": arguments}]}}


@pytest.mark.parametrize("asynchronous", [True, False])
def test_a_tool_that_raises_fails_with_its_name_and_arguments(asynchronous, models):
    channel = models(called("broken", order="A-17"))
    failure = failure_of(AGENT, INPUT, resources=resources(channel), tool_call__async=asynchronous)
    assert (failure.action, failure.key, failure.input) == ("tool_call_action", *INPUT)
    assert failure.as_json()["type"] == "LookupError"
    assert failure.message == (
        'the warehouse does not know A-17; tool \'broken\' was called with {"order": "A-17"}; it takes: order; '
        "an exception in a tool fails its action under every error-handling-strategy"
    )
    assert 'raise LookupError(f"the warehouse' in failure.traceback_text


def test_outputs_before_a_failure_are_kept(models):
    channel = models(called("broken", order="A-17") | {"when": {"contains": "order"}}, {"reply": {"text": "welcome"}})
    result = run(AGENT, ("k", "thanks"), INPUT, resources=resources(channel))
    assert [(output.key, output.value) for output in result.outputs] == [("k", "welcome")]
    assert result.failure.key == "k"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [({"a": 1, "b": 2, "c": 3}, "unexpected keyword argument 'c'"), ({"a": 1}, "missing 1 required")],
)
def test_wrong_arguments_fail_with_the_parameters_of_the_tool(arguments, error, models):
    failure = failure_of(AGENT, INPUT, resources=resources(models(called("add", **arguments))))
    assert (failure.action, failure.key, failure.input) == ("tool_call_action", *INPUT)
    assert error in failure.message
    assert failure.message.endswith(
        "; it takes: a, b; an exception in a tool fails its action under every error-handling-strategy"
    )


def test_an_unknown_tool_fails_with_the_nearest_name(models):
    failure = failure_of(AGENT, INPUT, resources=resources(models(called("ad", a=1, b=2))))
    assert (failure.action, failure.key, failure.input) == ("tool_call_action", *INPUT)
    assert failure.message == "the agent has no tool 'ad'; did you mean 'add'? known: add, broken"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"prompt": "greting"}, "the agent has no prompt 'greting', which chat model 'desk' needs; did you mean"),
        ({"tools": ["brocken"]}, "no tool 'brocken', which chat model 'desk' needs; did you mean 'broken'?"),
        ({"connection": "model"}, "no chat model connection 'model', which chat model 'desk' needs; did you mean"),
        ({"temperature": "hot"}, "chat model 'desk' cannot be created"),
    ],
)
def test_a_resource_that_cannot_be_created_is_named_with_its_user(more, message, models):
    desk = {"name": "desk", "clazz": "ollama", "connection": "models", "model": "m", **more}
    sections = {"chat_model_setups": [desk], "prompts": [{"name": "greeting", "text": "hello"}]}
    failure = failure_of(AGENT, INPUT, resources=resources(models(), **sections))
    assert (failure.action, failure.key, failure.input) == ("chat_model_action", *INPUT)
    assert message in failure.message


def test_an_unreachable_model_server_fails_with_model_and_connection(models):
    sections = {"chat_model_connections": [{"name": "models", "clazz": "ollama", "base_url": "http://127.0.0.1:1"}]}
    failure = failure_of(AGENT, INPUT, resources=sections)
    assert (failure.action, failure.key, failure.input) == ("chat_model_action", *INPUT)
    assert "model 'm' was called through the connection 'models'; the option error-handling-strategy" in failure.message


def test_a_java_tool_needs_a_java():
    with pytest.raises(NoJavaError, match="the agent has parts in Java: tool stock"):
        failure_of("resource_agents:JAVA_TOOL", INPUT)


def test_a_java_model_of_the_scenario_needs_a_java(models):
    desk = {"name": "desk", "clazz": "ollama", "type": "java", "connection": "models", "model": "m"}
    with pytest.raises(NoJavaError, match="chat model desk"):
        failure_of(AGENT, INPUT, resources=resources(models(), chat_model_setups=[desk]))
