import json

import pytest
from builtin_agents import CALL_TOOL, CALLS, SCRIPT, TOOL
from crashes import CrashingStore
from flink_agents.api.execution_environment import AgentsExecutionEnvironment

from flink_agents_runtime.engine.failure import RULE, ActionFailure
from flink_agents_runtime.local.environment import LocalEnvironment
from flink_agents_runtime.local.host import LocalHost, Output
from flink_agents_runtime.local.script import run_script
from flink_agents_runtime.plan.build import build_plan, load_plan
from tests.support.agents.wrong_agents import RELEASED, Wrong

ASYNCIO = ("RuntimeError", "Only 'await ctx.durable_execute_async(...)' is supported")
CONTEXT = ("RuntimeError", "A durable call or a thread must not use memory or the context")
MEMORY = ("TypeError", "which is not checkpoint-stable. Python memory values must be")
JSON = "as on Flink: give it JSON values or pydantic models"
# What is wrong -> the class of the error, and the rule in its words.
RULES = {
    "raises": ("ZeroDivisionError", "no way"),
    "raises a key": ("KeyError", "'amount'"),
    "cancelled": ("CancelledError", RULE),
    "base exception": ("Judgement", "guilty"),
    "no message": ("Speechless", "(no message: __str__ raised LookupError)"),
    "surrogate": ("ValueError", r"half a \ud83d"),
    "input event": ("RuntimeError", "which only the engine may create"),
    "not awaited": ("TypeError", "write async def and await it"),
    "asyncio.sleep": ASYNCIO,
    "asyncio.gather": ASYNCIO,
    "asyncio.to_thread": ASYNCIO,
    "create_task": ASYNCIO,
    "thread": CONTEXT,
    "thread, unheeded": CONTEXT,
    "a call that writes": CONTEXT,
    "memory of a set": MEMORY,
    "memory of an object": MEMORY,
    "memory of an object in a list": MEMORY,
    "memory of a number as key": ("TypeError", "memory dict keys must be str"),
    "no JSON": ("ValidationError", JSON),
    "no JSON any more": ("TypeError", JSON),
    "no JSON as output": ("ValidationError", JSON),
    "no JSON as output any more": ("TypeError", JSON),
    "no event": ("TypeError", "send_event takes an Event"),
}
# What has an action without async: there nothing is awaited.
PLAIN = sorted(set(RULES) - {"asyncio.sleep", "asyncio.gather", "asyncio.to_thread", "a call that writes"})
BEFORE = (Output("c", 0), Output("a", 1), Output("b", 2))


def records(how):
    """Return inputs in which the bad one follows good ones of three keys."""
    return [{"key": key, "value": value} for key, value in (("c", 0), ("a", 1), ("b", 2), ("c", how), ("a", 3))]


def check(failure, agent, how, action="do"):
    """Check all five facts in the fields and in the message of a failure."""
    kind, rule = RULES[how]
    assert (failure.agent, failure.action, failure.key, failure.input) == (agent, action, "c", how)
    assert type(failure.original).__name__ == kind
    told = str(failure)
    for words in (f"agent {agent!r}", f"action {action!r}", "key 'c'", f"input {how!r}", kind, rule, RULE):
        assert words in told, words
    assert failure.as_json()["agent"] == agent


@pytest.mark.parametrize("how", RULES)
def test_a_failure_names_agent_action_key_and_input_and_keeps_other_outputs(how):
    result = LocalHost(build_plan({"agent": "tests.support.agents.wrong_agents:Wrong"}, config={})).run(records(how))
    check(result.failure, "tests.support.agents.wrong_agents:Wrong", how)
    assert result.outputs[:3] == BEFORE
    assert set(result.outputs[3:]) <= {Output("a", 3)}


def test_an_interrupt_that_the_agent_raises_is_its_failure():
    plan = build_plan({"agent": "tests.support.agents.wrong_agents:Wrong"}, config={})
    failure = LocalHost(plan).run(records("interrupt"), deadline_s=30).failure
    assert (failure.action, failure.message) == ("do", "not from a keyboard")


def test_an_interrupt_on_the_main_thread_is_the_users():
    plan = build_plan({"agent": "tests.support.agents.wrong_agents:Wrong"}, config={})
    with pytest.raises(KeyboardInterrupt):
        LocalHost(plan).run(records("interrupt"))


def test_a_message_with_a_lone_surrogate_can_be_written():
    plan = build_plan({"agent": "tests.support.agents.wrong_agents:Wrong"}, config={})
    failure = LocalHost(plan).run(records("surrogate")).failure
    assert "half a" in json.dumps(failure.as_json(), ensure_ascii=False).encode("utf-8").decode("utf-8")


@pytest.mark.parametrize("how", PLAIN)
def test_a_plain_action_fails_like_an_async_one(how):
    plan = load_plan(
        build_plan({"agent": "tests.support.agents.wrong_agents:Plain"}, config={}).model_dump_json(
            serialize_as_any=True
        )
    )
    result = LocalHost(plan).run(records(how))
    check(result.failure, "tests.support.agents.wrong_agents:Plain", how)
    assert result.outputs == BEFORE


@pytest.mark.parametrize("how", ["raises", "thread, unheeded", "memory of a set", "no JSON", "input event"])
def test_execute_raises_the_failure_and_the_list_keeps_the_outputs(how):
    environment = LocalEnvironment(quiet=True)
    outputs = environment.from_list(records(how)).apply(Wrong()).to_list()
    with pytest.raises(ActionFailure) as caught:
        environment.execute()
    check(caught.value, "tests.support.agents.wrong_agents:Wrong", how)
    assert outputs == [{"c": 0}, {"a": 1}, {"b": 2}]


def test_an_action_that_misused_its_context_is_not_recorded_as_completed():
    store = CrashingStore()
    plan = build_plan({"agent": "tests.support.agents.wrong_agents:Wrong"}, config={})
    for _ in range(2):
        result = LocalHost(plan, store=store).run([{"key": "c", "value": "thread, unheeded"}])
        check(result.failure, "tests.support.agents.wrong_agents:Wrong", "thread, unheeded")
        assert store.completed == 0


def test_run_script_returns_the_failure_as_data(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        f"from {AgentsExecutionEnvironment.__module__} import AgentsExecutionEnvironment\n"
        "from tests.support.agents.wrong_agents import RELEASED, Wrong\n"
        "env = AgentsExecutionEnvironment.get_execution_environment()\n"
        f"outputs = env.from_list({records('memory of a set')!r}).apply(Wrong()).to_list()\n"
        "env.execute()\n"
    )
    with (tmp_path / "out").open("w") as stdout:
        result = run_script(script, [], seed=None, deadline_s=60, events=tmp_path, stdout=stdout)
    failure = result.failure
    told = [failure[name] for name in ("agent", "action", "key", "input", "type")]
    assert told == ["tests.support.agents.wrong_agents:Wrong", "do", "c", "memory of a set", "TypeError"]
    assert MEMORY[1] in failure["message"]
    assert result.outputs == (("c", 0), ("a", 1), ("b", 2))
    log = "".join(path.read_text() for path in tmp_path.rglob("events-*.log"))
    assert sum('"eventType":"_output_event"' in line.replace(" ", "") for line in log.splitlines()) >= 3


def test_a_hanging_call_is_named_at_the_deadline():
    environment = LocalEnvironment(deadline_s=2, quiet=True)
    outputs = environment.from_list(records("a call that hangs")).apply(Wrong()).to_list()
    RELEASED.clear()
    try:
        with pytest.raises(TimeoutError) as caught:
            environment.execute()
    finally:
        RELEASED.set()
    assert str(caught.value) == (
        "agent 'tests.support.agents.wrong_agents:Wrong' did not finish within 2 s; "
        "unfinished: action 'do' of key 'c' with input \"a call that hangs\""
    )
    assert outputs == [{"c": 0}, {"a": 1}, {"b": 2}, {"a": 3}]


# What the model says, in order; what the tool does; then the action that fails, and what its failure says.
MODELS = {
    "a tool that raises": (
        [CALL_TOOL, "hi"],
        lambda: 1 / 0,
        "tool_call_action",
        (
            "ZeroDivisionError: division by zero",
            """tool 'ask' was called with {"what": "time"}; it takes: what""",
            "an exception in a tool fails its action under every error-handling-strategy",
        ),
    ),
    "a model that fails": (
        [OSError("busy")],
        None,
        "chat_model_action",
        (
            "OSError: busy",
            "model 'parrot' was called through the connection 'server'",
            "the option error-handling-strategy decides what follows: fail (the default), retry or ignore",
        ),
    ),
    "a model that answers no message": (
        [lambda: {"not": "a message"}],
        None,
        "chat_model_action",
        ("ValidationError",),
    ),
    "a model that asks for tools for ever": (
        [CALL_TOOL],
        None,
        "chat_model_action",
        ("more than 5 times for one input", "raise the option tool-call.max-rounds, or set it to 0"),
    ),
}


@pytest.mark.parametrize("case", MODELS)
@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "sync"])
def test_a_failing_model_or_tool_is_named_and_other_outputs_are_kept(case, asynchronous):
    script, tool, action, words = MODELS[case]
    for each in (SCRIPT, CALLS, TOOL):
        each.clear()
    SCRIPT.extend(script)
    TOOL.extend([tool] if tool else [])
    options = {
        "tool-call.max-rounds": 5,
        "chat.async": asynchronous,
        "tool-call.async": asynchronous,
        "rag.async": False,
    }
    plan = build_plan({"agent": "builtin_agents:Assistant"}, config=options)
    good = {"look up": "x"}
    inputs = [{"key": "a", "value": good}, {"key": "c", "value": good}, {"key": "c", "value": "hello"}]
    result = LocalHost(plan).run(inputs, deadline_s=60)
    failure = result.failure
    told = (failure.agent, failure.action, failure.key, failure.input)
    assert told == ("builtin_agents:Assistant", action, "c", "hello")
    for each in ("agent 'builtin_agents:Assistant'", f"action {action!r}", "key 'c'", "input 'hello'", RULE, *words):
        assert each in str(failure), each
    assert result.outputs == (Output("a", ["x"]), Output("c", ["x"]))


def test_the_failure_has_the_agents_name_of_the_scenario(tmp_path):
    assert (
        build_plan({"agent": "tests.support.agents.wrong_agents:Wrong"}, config={}).agent_name
        == "tests.support.agents.wrong_agents:Wrong"
    )
    declared = {"agents": [{"name": "clerk", "actions": [ACTION]}]}
    (tmp_path / "agents.yaml").write_text(json.dumps(declared))
    reference = {"yaml": str(tmp_path / "agents.yaml"), "name": "clerk"}
    plan = build_plan({"agent": reference}, config={})
    assert plan.agent_name == "clerk"
    file = tmp_path / "plan.json"
    file.write_text(plan.model_dump_json(serialize_as_any=True))
    assert build_plan({"agent": {"plan": str(file)}}, config={}).agent_name == "clerk"
    file.write_text(plan.model_dump_json(serialize_as_any=True, exclude={"agent_name"}))
    assert build_plan({"agent": {"plan": str(file)}}, config={}).agent_name == str(file)


ACTION = {"name": "do", "function": "tests.support.agents.wrong_agents:Plain.do", "listen_to": ["input"]}


def test_a_long_input_is_truncated_in_the_message_only():
    failure = ActionFailure("do", "k", "x" * 1000, ValueError("no"))
    assert len(str(failure)) < 400
    assert f"...: ValueError: no ({RULE})" in str(failure)
    assert failure.as_json()["input"] == "x" * 1000


def test_the_traceback_has_no_frames_of_the_engine():
    SCRIPT[:], TOOL[:] = [CALL_TOOL], [lambda: 1 / 0]
    plan = build_plan({"agent": "builtin_agents:Assistant"}, config={})
    told = LocalHost(plan).run([{"key": "c", "value": "hello"}]).failure.traceback_text
    TOOL.clear()
    assert "builtin_agents.py" in told
    assert not [line for line in told.splitlines() if "flink_agents_runtime" in line or "concurrent/futures" in line]
