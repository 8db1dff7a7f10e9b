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
    """Two actions listen to the input and send one event each, to further actions."""

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
    """Sends an event without listeners, then an output."""

    @action(INPUT)
    @staticmethod
    def send(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(Event(type="nobody_listens", attributes={"key": key_of(event)}))
        ctx.send_event(OutputEvent(output={"key": key_of(event), "sent": 2}))


class Deaf(Agent):
    """Listens to an event that is never sent."""

    @action("never")
    @staticmethod
    def never(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, "never")


class OneAtATime(Agent):
    """An asynchronous action triggers another one; the next input waits for both."""

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
    """Sends before an await; the call ends only after the event has reached its action."""

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
    """The call of a key ends only after a later key has finished."""

    @action(INPUT)
    @staticmethod
    async def wait(event: Event, ctx: RunnerContext) -> None:
        key = key_of(event)
        if key == "slow":
            await ctx.durable_execute_async(until, journal_of(ctx), "quick", "done 2")
        did(ctx, event, f"done {number(event)}")
        ctx.send_event(OutputEvent(output={"key": key}))


class Lazy(Agent):
    """Creates two calls at once and awaits them one after the other."""

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
    """Two actions with calls that wait for each other's begin."""

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
    """Sleep long enough for another call to overtake this one."""
    note(path, key, f"{what} begins")
    time.sleep(0.05)
    note(path, key, f"{what} ends")
    return what
