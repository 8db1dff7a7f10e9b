"""The options of upstream's built-in actions, and misbehaving models and tools."""

import threading

import builtin_agents
import pytest
from builtin_agents import CALL_TOOL, CALLS, SCRIPT, TOOL, Assistant

from flink_agents_runtime.config.configuration import option
from flink_agents_runtime.local.environment import LocalEnvironment
from flink_agents_runtime.local.host import LocalHost
from flink_agents_runtime.plan.build import build_plan

PATIENCE_S = 60
both_ways = pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "sync"])
MODEL = "action.chat_model_action.model"


@pytest.fixture(autouse=True)
def clean():
    for each in (SCRIPT, CALLS, TOOL):
        each.clear()


@pytest.fixture
def waits(monkeypatch):
    """Record the waits between retries, in seconds, without waiting."""
    waited = []
    monkeypatch.setattr("time.sleep", waited.append)
    return waited


def ran(script, *values, **options):
    """Run values, each under its own key; the first is under "k0"."""
    SCRIPT.extend(script)
    plan = build_plan({"agent": "builtin_agents:Assistant"}, config=options)
    inputs = [{"key": f"k{number}", "value": value} for number, value in enumerate(values or ["hello"])]
    return LocalHost(plan).run(inputs, deadline_s=PATIENCE_S)


def said(result):
    return [output.value for output in result.outputs]


@both_ways
def test_fail_is_the_default(asynchronous):
    result = ran([OSError("busy"), "hi"], "hello", **{"chat.async": asynchronous})
    failure = result.failure
    assert (failure.action, failure.key, failure.input) == ("chat_model_action", "k0", "hello")
    assert isinstance(failure.original, OSError)
    assert [call for call, _ in CALLS] == ["chat"]


@both_ways
@pytest.mark.parametrize("word", ["retry", "RETRY"])
def test_retry_waits_longer_each_time(asynchronous, word, waits):
    """The wait before retry n is interval * 2^(n-1) seconds."""
    options = {"error-handling-strategy": word, "retry-wait-interval": 3, "chat.async": asynchronous}
    result = ran([OSError("1"), OSError("2"), OSError("3"), "at last"], **options)
    assert result.failure is None
    assert waits == [3, 6, 12]
    assert said(result) == [["at last", 3, 21]]
    assert result.metrics[f"{MODEL}.server.retryCount"] == 3
    assert result.metrics[f"{MODEL}.server.retryWaitSec"] == 21
    assert result.metrics[f"{MODEL}.parrot.promptTokens"] == 5


@both_ways
@pytest.mark.parametrize(("most", "calls"), [(0, 1), (2, 3), ("2", 3)])
def test_retry_gives_up(asynchronous, most, calls, waits):
    options = {"error-handling-strategy": "retry", "max-retries": most, "chat.async": asynchronous}
    result = ran([OSError("never")], **options)
    assert str(result.failure.original) == "never"
    assert len(CALLS) == calls
    assert len(waits) == calls - 1


@both_ways
def test_ignore_goes_on_without_an_answer(asynchronous):
    options = {"error-handling-strategy": "ignore", "chat.async": asynchronous}
    result = ran([OSError("once"), "hi"], "one", "two", **options)
    assert result.failure is None
    assert said(result) == [["hi", 0, 0]]
    assert len(CALLS) == 2


@both_ways
def test_a_tool_that_raises_fails_the_job(asynchronous):
    """error-handling-strategy applies to models only."""
    TOOL.append(lambda: 1 / 0)
    result = ran([CALL_TOOL, "hi"], **{"tool-call.async": asynchronous, "error-handling-strategy": "ignore"})
    assert (result.failure.action, result.failure.key) == ("tool_call_action", "k0")
    assert isinstance(result.failure.original, ZeroDivisionError)


@pytest.mark.parametrize(
    ("option", "call", "value", "script"),
    [
        ("chat.async", "chat", "hello", ["hi"]),
        ("tool-call.async", "tool", "hello", [CALL_TOOL, "hi"]),
        ("rag.async", "query", {"look up": "x"}, ["unused"]),
    ],
)
@both_ways
def test_each_action_calls_where_its_option_says(option, call, value, script, asynchronous):
    for options in ({option: asynchronous}, {option: str(asynchronous).upper()}, *([{}] if asynchronous else [])):
        CALLS.clear()
        SCRIPT.clear()
        result = ran(script, value, **options)
        assert result.failure is None
        assert len(said(result)) == 1
        (thread,) = {thread for what, thread in CALLS if what == call}
        assert thread.startswith("agent-async") is asynchronous


def test_asynchronous_calls_of_several_keys_overlap():
    meeting = threading.Barrier(3, timeout=PATIENCE_S)

    def meet():
        meeting.wait()
        return "met"

    result = ran([meet], "a", "b", "c", **{"num-async-threads": 3})
    assert result.failure is None
    assert [answer[0] for answer in said(result)] == ["met"] * 3


@both_ways
def test_a_model_that_asks_for_tools_for_ever_comes_to_an_end(asynchronous):
    options = {"tool-call.max-rounds": 7, "chat.async": asynchronous, "tool-call.async": asynchronous}
    result = ran([CALL_TOOL], "hello", **options)
    assert (result.failure.action, result.failure.key, result.failure.input) == ("chat_model_action", "k0", "hello")
    assert "more than 7 times for one input" in str(result.failure)
    assert "tool-call.max-rounds" in str(result.failure)
    assert [what for what, _ in CALLS].count("tool") == 7


def test_the_limit_of_tool_rounds_is_one_of_each_input():
    plan = build_plan({"agent": "builtin_agents:Assistant"}, config={"tool-call.max-rounds": 7})
    SCRIPT.extend([*[CALL_TOOL] * 7, "one", *[CALL_TOOL] * 7, "two"])
    result = LocalHost(plan).run([{"key": "k", "value": "a"}, {"key": "k", "value": "b"}], deadline_s=PATIENCE_S)
    assert [answer[0] for answer in said(result)] == ["one", "two"]
    assert option(build_plan({"agent": "builtin_agents:Assistant"}, config={}).config, "tool-call.max-rounds") == 200
    SCRIPT.clear()
    assert said(ran([*[CALL_TOOL] * 20, "done"], **{"tool-call.max-rounds": 0}))[0][0] == "done"


@both_ways
@pytest.mark.parametrize("nonsense", [None, 17, {"not": "a message"}])
def test_a_model_that_does_not_give_a_message_fails_with_its_input(asynchronous, nonsense):
    result = ran([lambda: nonsense], "hello", **{"chat.async": asynchronous})
    assert result.failure is not None
    assert (result.failure.action, result.failure.input) == ("chat_model_action", "hello")


@both_ways
def test_a_tool_that_hangs_ends_at_the_deadline(asynchronous):
    released = threading.Event()
    TOOL.append(lambda: released.wait(PATIENCE_S))
    SCRIPT.extend([CALL_TOOL, "late"])
    environment = LocalEnvironment(deadline_s=2)
    environment.get_config().set_bool("tool-call.async", asynchronous)
    environment.from_list([{"key": "ada", "value": "hello"}]).apply(Assistant())
    try:
        with pytest.raises(TimeoutError, match=r"within 2 s.*'tool_call_action' of key 'ada' with input \"hello\""):
            environment.execute()
    finally:
        released.set()
    assert builtin_agents.CALLS[-1][0] == "tool"
