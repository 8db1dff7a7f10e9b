"""An agent that is good where its input is a number, and wrong in the way that its input names. Not a test module."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

# Ends the call that hangs, for a test in the same process.
RELEASED = threading.Event()


class Wrong(Agent):
    """One action; what it does wrong is in WRONGS, or waits for something in AWAITED."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def do(event: Event, ctx: RunnerContext) -> Any:
        """Do what the input says."""
        how = InputEvent.from_event(event).input
        if how in AWAITED:
            await AWAITED[how](ctx)
        if how in WRONGS and (result := WRONGS[how](ctx)) is not None:
            return result
        ctx.send_event(OutputEvent(output=how))
        return None


class Plain(Agent):
    """The same without async."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def do(event: Event, ctx: RunnerContext) -> Any:
        """Do what the input says."""
        how = InputEvent.from_event(event).input
        if how in WRONGS and (result := WRONGS[how](ctx)) is not None:
            return result
        ctx.send_event(OutputEvent(output=how))
        return None


def raises(ctx: RunnerContext) -> None:
    raise ZeroDivisionError("no way")


def raises_a_key(ctx: RunnerContext) -> None:
    raise KeyError("amount")


def asyncio_lets_one_out(ctx: RunnerContext) -> None:
    raise asyncio.CancelledError


class Judgement(BaseException):
    """A failure that is no Exception, as test libraries raise them."""


class Speechless(RuntimeError):
    """An error whose message fails."""

    def __str__(self) -> str:
        raise LookupError


def raises_a_base_exception(ctx: RunnerContext) -> None:
    raise Judgement("guilty")


def interrupts(ctx: RunnerContext) -> None:
    raise KeyboardInterrupt("not from a keyboard")


def raises_without_a_message(ctx: RunnerContext) -> None:
    raise Speechless


def raises_a_surrogate(ctx: RunnerContext) -> None:
    raise ValueError("half a \ud83d")


def send(ctx: RunnerContext, event_type: str, value: Any) -> None:
    """Send an event that was good JSON when it was made."""
    event = Event(type=event_type)
    event.attributes["output"] = value
    ctx.send_event(event)


def from_a_thread(ctx: RunnerContext) -> None:
    """Use the context from a thread of one's own, and pass on what that raises."""
    raised = []

    def use() -> None:
        try:
            ctx.send_event(OutputEvent(output="from a thread"))
        except Exception as error:
            raised.append(error)

    run_in_a_thread(use)
    raise raised[0]


def unheeded(ctx: RunnerContext) -> None:
    """The same, and nobody looks at what that raises."""

    def use() -> None:
        try:
            ctx.send_event(OutputEvent(output="from a thread"))
        except RuntimeError:
            return

    run_in_a_thread(use)


def run_in_a_thread(use: Any) -> None:
    thread = threading.Thread(target=use)
    thread.start()
    thread.join()


def a_call_that_writes(ctx: RunnerContext) -> Any:
    memory = ctx.short_term_memory
    return ctx.durable_execute_async(lambda: memory.set("x", 1))


WRONGS: dict[str, Any] = {
    "raises": raises,
    "raises a key": raises_a_key,
    "cancelled": asyncio_lets_one_out,
    "base exception": raises_a_base_exception,
    "interrupt": interrupts,
    "no message": raises_without_a_message,
    "surrogate": raises_a_surrogate,
    "input event": lambda ctx: ctx.send_event(InputEvent(input=2)),
    "not awaited": lambda ctx: ctx.durable_execute_async(int, 1),
    "create_task": lambda ctx: asyncio.get_running_loop(),
    "thread": from_a_thread,
    "thread, unheeded": unheeded,
    "memory of a set": lambda ctx: ctx.short_term_memory.set("x", {1}),
    "memory of an object": lambda ctx: ctx.sensory_memory.set("x.y", object()),
    "memory of a number as key": lambda ctx: ctx.short_term_memory.set("x", {1: "one"}),
    "memory of an object in a list": lambda ctx: ctx.short_term_memory.set("x", {"list": [object()]}),
    "no JSON": lambda ctx: ctx.send_event(Event(type="bad", attributes={"lock": threading.Lock()})),
    "no JSON any more": lambda ctx: send(ctx, "bad", threading.Lock()),
    "no JSON as output": lambda ctx: ctx.send_event(OutputEvent(output=object())),
    "no JSON as output any more": lambda ctx: send(ctx, "_output_event", object()),
    "no event": lambda ctx: ctx.send_event({"type": "dict"}),
}
AWAITED: dict[str, Any] = {
    "asyncio.sleep": lambda ctx: asyncio.sleep(0.01),
    "asyncio.gather": lambda ctx: asyncio.gather(ctx.durable_execute_async(int, 1), ctx.durable_execute_async(int, 2)),
    "asyncio.to_thread": lambda ctx: asyncio.to_thread(int, 1),
    "a call that writes": a_call_that_writes,
    "a call that hangs": lambda ctx: ctx.durable_execute_async(RELEASED.wait, 300),
}
