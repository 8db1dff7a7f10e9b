"""Agents for the rules of order: inputs, actions, asynchronous calls."""

from __future__ import annotations

import time
from typing import Any

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

from tests.parity.journal import did, journal_of, key_of, note, said, until, until_both

INPUT = InputEvent.EVENT_TYPE


def number(event: Event) -> Any:
    return InputEvent.from_event(event).input["n"]


class Tree(Agent):
    """Two actions for the input; each sends one event; what listens to those comes after both."""

    @action(INPUT)
    @staticmethod
    def left(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, "left")
        ctx.send_event(Event(type="from_left", attributes={"key": key_of(event)}))

    @action(INPUT)
    @staticmethod
    def right(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, "right")
        ctx.send_event(Event(type="from_right", attributes={"key": key_of(event)}))

    @action("from_right")
    @staticmethod
    def right_leaf(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, "right leaf")

    @action("from_left")
    @staticmethod
    def left_leaf(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, "left leaf")
        ctx.send_event(Event(type="deep", attributes={"key": key_of(event)}))

    @action("from_left")
    @staticmethod
    def left_leaf_too(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, "left leaf too")

    @action("deep", "from_right")
    @staticmethod
    def two_types(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, f"two types: {event.type}")


class Unheard(Agent):
    """Sends what nobody listens to, and goes on."""

    @action(INPUT)
    @staticmethod
    def send(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(Event(type="nobody_listens", attributes={"key": key_of(event)}))
        ctx.send_event(OutputEvent(output={"key": key_of(event), "sent": 2}))


class Deaf(Agent):
    """Listens to nothing that comes."""

    @action("never")
    @staticmethod
    def never(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, "never")


class OneAtATime(Agent):
    """An asynchronous action, then one that it triggers: a second input must wait for both."""

    @action(INPUT)
    @staticmethod
    async def first(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, f"first {number(event)}")
        await ctx.durable_execute_async(said, journal_of(ctx), key_of(event), f"call {number(event)}")
        ctx.send_event(Event(type="second", attributes={"key": key_of(event), "n": number(event)}))

    @action("second")
    @staticmethod
    def second(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, f"second {event.get_attr('n')}")
        ctx.send_event(OutputEvent(output={"key": key_of(event), "n": event.get_attr("n")}))


class Tail(Agent):
    """Two asynchronous actions and a plain one; the first call ends only after the second action has."""

    @action(INPUT)
    @staticmethod
    async def a(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, "a begins")
        await ctx.durable_execute_async(until, journal_of(ctx), key_of(event), "b ends")
        did(ctx, event, "a ends")

    @action(INPUT)
    @staticmethod
    async def b(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, "b begins")
        await ctx.durable_execute_async(until, journal_of(ctx), key_of(event), "c")
        did(ctx, event, "b ends")

    @action(INPUT)
    @staticmethod
    def c(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, "c")


class BeforeAwait(Agent):
    """What is sent before an await reaches its action while the call is still out: the call waits for just that."""

    @action(INPUT)
    @staticmethod
    async def wait(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(Event(type="before", attributes={"key": key_of(event)}))
        await ctx.durable_execute_async(until, journal_of(ctx), key_of(event), "saw before")
        did(ctx, event, "went on")
        ctx.send_event(Event(type="after", attributes={"key": key_of(event)}))

    @action("before", "after")
    @staticmethod
    def see(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, f"saw {event.type}")


class OtherKey(Agent):
    """A key's call ends only when another key, which came later, has been through."""

    @action(INPUT)
    @staticmethod
    async def wait(event: Event, ctx: RunnerContext) -> None:
        key = key_of(event)
        if key == "slow":
            await ctx.durable_execute_async(until, journal_of(ctx), "quick", "done 2")
        did(ctx, event, f"done {number(event)}")
        ctx.send_event(OutputEvent(output={"key": key}))


class Lazy(Agent):
    """Two calls are made at once and awaited one after the other: each begins when it is awaited."""

    @action(INPUT)
    @staticmethod
    async def work(event: Event, ctx: RunnerContext) -> None:
        path, key = journal_of(ctx), key_of(event)
        one = ctx.durable_execute_async(said, path, key, "one")
        two = ctx.durable_execute_async(said, path, key, "two")
        did(ctx, event, "both made")
        results = [await two, await one]
        ctx.send_event(OutputEvent(output={"key": key, "results": results}))


class Overlap(Agent):
    """Two actions whose calls each wait for the other one's begin."""

    @action(INPUT)
    @staticmethod
    async def a(event: Event, ctx: RunnerContext) -> None:
        result = await ctx.durable_execute_async(until_both, journal_of(ctx), key_of(event), "a", "b")
        ctx.send_event(OutputEvent(output={"key": key_of(event), "call": result}))

    @action(INPUT)
    @staticmethod
    async def b(event: Event, ctx: RunnerContext) -> None:
        await ctx.durable_execute_async(until_both, journal_of(ctx), key_of(event), "b", "a")


class OneThread(Agent):
    """Three actions with a call each, and one thread for them: the calls come one after the other."""

    @action(INPUT)
    @staticmethod
    async def a(event: Event, ctx: RunnerContext) -> None:
        await ctx.durable_execute_async(slowly, journal_of(ctx), key_of(event), "a")

    @action(INPUT)
    @staticmethod
    async def b(event: Event, ctx: RunnerContext) -> None:
        await ctx.durable_execute_async(slowly, journal_of(ctx), key_of(event), "b")

    @action(INPUT)
    @staticmethod
    async def c(event: Event, ctx: RunnerContext) -> None:
        await ctx.durable_execute_async(slowly, journal_of(ctx), key_of(event), "c")


def slowly(path: str, key: Any, what: str) -> str:
    """A call that is long enough to be overtaken, were there a thread for it."""
    note(path, key, f"{what} begins")
    time.sleep(0.05)
    note(path, key, f"{what} ends")
    return what
