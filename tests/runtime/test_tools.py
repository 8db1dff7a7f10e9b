"""Tools and other resources that go wrong: each failure names action, key, input, and the resource."""

import pytest
from agent_run import failure_of, ollama, run

AGENT = "resource_agents:Asking"
INPUT = ("k", "where is my order?")


def resources(channel, **sections):
    return {"chat_model_connections": [ollama(channel)], **sections}


def called(name, **arguments):
    return {"reply": {"tool_calls": [{"name": name, "arguments": arguments}]}}


@pytest.mark.parametrize("asynchronous", [True, False])
def test_a_tool_that_raises(asynchronous, models):
    """Its exception, its name, its arguments and its own line are told."""
    channel = models(called("broken", order="A-17"))
    failure = failure_of(AGENT, INPUT, resources=resources(channel), tool_call__async=asynchronous)
    assert (failure.action, failure.key, failure.input) == ("tool_call_action", *INPUT)
    assert failure.as_json()["type"] == "LookupError"
    assert failure.message == (
        'the warehouse does not know A-17; tool \'broken\' was called with {"order": "A-17"}; it takes: order; '
        "an exception in a tool fails its action under every error-handling-strategy"
    )
    assert 'raise LookupError(f"the warehouse' in failure.traceback_text


def test_the_results_before_a_failure_are_kept(models):
    """An action that fails ends the run, as it fails a Flink job; what came out before is in the result."""
    channel = models(called("broken", order="A-17") | {"when": {"contains": "order"}}, {"reply": {"text": "welcome"}})
    result = run(AGENT, ("k", "thanks"), INPUT, resources=resources(channel))
    assert [(output.key, output.value) for output in result.outputs] == [("k", "welcome")]
    assert result.failure.key == "k"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [({"a": 1, "b": 2, "c": 3}, "unexpected keyword argument 'c'"), ({"a": 1}, "missing 1 required")],
)
def test_arguments_that_do_not_fit(arguments, error, models):
    """What the model gave stands beside what the tool takes."""
    failure = failure_of(AGENT, INPUT, resources=resources(models(called("add", **arguments))))
    assert (failure.action, failure.key, failure.input) == ("tool_call_action", *INPUT)
    assert error in failure.message
    assert failure.message.endswith(
        "; it takes: a, b; an exception in a tool fails its action under every error-handling-strategy"
    )


def test_a_tool_that_does_not_exist(models):
    """The nearest name is offered, and all there are."""
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
def test_a_resource_that_cannot_be_made(more, message, models):
    """A name that leads nowhere, or an argument that does not fit, is told with who needs it."""
    desk = {"name": "desk", "clazz": "ollama", "connection": "models", "model": "m", **more}
    sections = {"chat_model_setups": [desk], "prompts": [{"name": "greeting", "text": "hello"}]}
    failure = failure_of(AGENT, INPUT, resources=resources(models(), **sections))
    assert (failure.action, failure.key, failure.input) == ("chat_model_action", *INPUT)
    assert message in failure.message


def test_a_model_that_is_not_there(models):
    """A server that refuses the connection: model and connection are named."""
    sections = {"chat_model_connections": [{"name": "models", "clazz": "ollama", "base_url": "http://127.0.0.1:1"}]}
    failure = failure_of(AGENT, INPUT, resources=sections)
    assert (failure.action, failure.key, failure.input) == ("chat_model_action", *INPUT)
    assert "model 'm' was called through the connection 'models'; the option error-handling-strategy" in failure.message


def test_a_tool_in_java(models):
    """What cannot run here says what it needs, when it is needed."""
    desk = {"name": "desk", "clazz": "ollama", "connection": "models", "model": "m", "tools": ["stock"]}
    sections = {"chat_model_setups": [desk]}
    failure = failure_of("resource_agents:JAVA_TOOL", INPUT, resources=resources(models(), **sections))
    assert (failure.action, failure.key) == ("chat_model_action", "k")
    assert failure.message.startswith("tool 'stock' is Java: shop.Tools.stock; the bundled engine runs Python")
    assert "jars" in failure.message


def test_a_model_in_java(models):
    """The same for a resource of upstream's Java vocabulary."""
    desk = {"name": "desk", "clazz": "ollama", "type": "java", "connection": "models", "model": "m"}
    failure = failure_of(AGENT, INPUT, resources=resources(models(), chat_model_setups=[desk]))
    assert "chat model 'desk' is Java: org.apache.flink.agents." in failure.message
