import pytest
from agent_run import failure_of, ollama, outputs_of

AGENT = "resource_agents:Skilled"


def asks(tool, **arguments):
    return {"tool_calls": [{"name": tool, "arguments": arguments}]}


def seen_by_the_model(models, reply):
    """Return the reply to the model's first tool call, and all messages before it."""
    channel = models({"when": {"role": "tool"}, "reply": {"text": "done"}}, {"reply": reply})
    how = {"resources": {"chat_model_connections": [ollama(channel)]}}
    assert outputs_of(AGENT, ("k", "reckon"), **how) == [("k", "done")]
    return channel.calls[1].messages[-1]["content"], channel.calls[0]


def test_the_system_messages_describe_the_skill(models):
    _, first = seen_by_the_model(models, asks("load_skill", name="math-calculator"))
    told = "\n".join(message["content"] for message in first.messages if message["role"] == "system")
    assert "math-calculator" in told
    assert "arithmetic" in told
    assert set(first.tools) == {"load_skill", "bash"}


@pytest.mark.parametrize(
    ("reply", "result"),
    [
        (asks("load_skill", name="math-calculator"), "Math Calculator Skill"),
        (asks("load_skill", name="math"), "Skill 'math' not found. Available skills: math-calculator"),
        (asks("load_skill", name="math-calculator", path="gone.md"), "Resource 'gone.md' not found"),
        (asks("bash", command="echo $((2 + 3))"), "5"),
        (asks("bash", command="echo $(id)"), "Command rejected"),
        (asks("bash", command="rm -rf /nowhere"), "Command rejected"),
        (asks("bash", command="echo five", cwd="/"), "Command rejected: cwd '/' is not under any allowed script dir"),
    ],
)
def test_a_skill_is_loaded_and_the_shell_keeps_its_limits(reply, result, models):
    seen, _ = seen_by_the_model(models, reply)
    assert result in seen


def test_an_unknown_skill_fails_the_chat_model_with_both_names(models):
    how = {"resources": {"chat_model_connections": [ollama(models())]}}
    how["resources"]["chat_model_setups"] = [
        {"name": "desk", "clazz": "ollama", "connection": "models", "model": "m", "skills": ["maths"]}
    ]
    failure = failure_of(AGENT, ("k", "reckon"), **how)
    assert (failure.action, failure.key, failure.input) == ("chat_model_action", "k", "reckon")
    assert "chat model 'desk' cannot be created" in failure.message
    assert "maths" in failure.message


def test_load_skill_without_a_name_fails_its_action(models):
    how = {"resources": {"chat_model_connections": [ollama(models({"reply": asks("load_skill", skill="a")}))]}}
    failure = failure_of(AGENT, ("k", "reckon"), **how)
    assert (failure.action, failure.key) == ("tool_call_action", "k")
    assert 'tool \'load_skill\' was called with {"skill": "a"}; it takes: name, path' in failure.message
