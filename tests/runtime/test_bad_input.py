"""What agents do wrong: the failure names action, key and input and says the rule; what other keys came to is kept."""

import asyncio
import threading

import pytest
from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

from flink_agents_runtime.engine.failure import ActionFailure
from flink_agents_runtime.engine.plan import build_plan
from flink_agents_runtime.local.host import LocalHost, Output

RULES = {
    "raises": ("ZeroDivisionError", "no way"),
    "asyncio": ("RuntimeError", "Only 'await ctx.durable_execute_async(...)' is supported"),
    "gather": ("RuntimeError", "Only 'await ctx.durable_execute_async(...)' is supported"),
    "thread": ("RuntimeError", "a durable call must not use memory or the context"),
    "memory of a set": ("TypeError", "set"),
    "memory of an object": ("TypeError", "object"),
    "memory of a number as key": ("TypeError", "str"),
    "no JSON": ("TypeError", "does not turn into JSON"),
    "no JSON as output": ("TypeError", "does not turn into JSON"),
    "no event": ("TypeError", "send_event wants an Event"),
    "not awaited": ("TypeError", "write async def and await it"),
}


class Wrong(Agent):
    """Good where the input is a number, wrong in the way that it names."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def do(event: Event, ctx: RunnerContext):
        how = InputEvent.from_event(event).input
        wrongs = {
            "raises": raises,
            "no JSON": lambda ctx: send(ctx, "bad", threading.Lock()),
            "no JSON as output": lambda ctx: send(ctx, "_output_event", object()),
            "memory of a set": lambda ctx: ctx.short_term_memory.set("x", {1}),
            "memory of an object": lambda ctx: ctx.sensory_memory.set("x.y", object()),
            "memory of a number as key": lambda ctx: ctx.short_term_memory.set("x", {1: "one"}),
            "no event": lambda ctx: ctx.send_event({"type": "dict"}),
            "thread": from_a_thread,
        }
        if how == "asyncio":
            await asyncio.sleep(0.01)
        if how == "gather":
            await asyncio.gather(ctx.durable_execute_async(int, 1), ctx.durable_execute_async(int, 2))
        if how == "not awaited":
            return ctx.durable_execute_async(int, 1)
        if how in wrongs:
            wrongs[how](ctx)
        ctx.send_event(OutputEvent(output=how))
        return None


def raises(ctx: RunnerContext) -> None:
    raise ZeroDivisionError("no way")


def send(ctx: RunnerContext, event_type: str, value) -> None:
    event = Event(type=event_type)
    event.attributes["output"] = value
    ctx.send_event(event)


def from_a_thread(ctx: RunnerContext) -> None:
    """Uses the context from a thread of its own, and passes on what that raises."""
    raised = []

    def use() -> None:
        try:
            ctx.send_event(OutputEvent(output="from a thread"))
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    for error in raised:
        raise error


@pytest.mark.parametrize("how", RULES)
def test_what_is_wrong_is_named_and_the_rest_is_kept(how):
    """Keys a and b came before: their outputs are there, and those of the poisoned key's own inputs before it."""
    inputs = [("c", 0), ("a", 1), ("b", 2), ("c", how), ("a", 3)]
    plan = build_plan({"agent": "test_bad_input:Wrong"}, config={})
    result = LocalHost(plan).run([{"key": key, "value": value} for key, value in inputs])
    kind, rule = RULES[how]
    failure = result.failure
    assert (failure.action, failure.key, failure.input, type(failure.original).__name__) == ("do", "c", how, kind)
    assert rule in str(failure.original)
    told = str(failure)
    assert all(word in told for word in ("action 'do'", "key 'c'", f"input {how!r}", kind, rule))
    assert result.outputs[:3] == (Output("c", 0), Output("a", 1), Output("b", 2))
    assert [output for output in result.outputs if output.key == "c"] == [Output("c", 0)]


def test_a_long_input_is_cut_in_the_message():
    """A message is no place for a document; all of it is in the failure's field."""
    failure = ActionFailure("do", "k", "x" * 1000, ValueError("no"))
    assert len(str(failure)) < 300
    assert str(failure).endswith("...: ValueError: no")
    assert failure.as_json()["input"] == "x" * 1000
