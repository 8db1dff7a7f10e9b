"""Small agents for the action state store.

They write their actions to runtime_agents.TRACE; a value in CRASH_ON ends the attempt.
"""

from __future__ import annotations

import threading
from typing import Any

from crashes import Crash
from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext
from runtime_agents import TRACE

INPUT = InputEvent.EVENT_TYPE
CRASH_ON: set[Any] = set()


def effect(value: Any) -> Any:
    """A side effect that is in TRACE even if the attempt crashes right after it."""
    TRACE.append(value)
    if value in CRASH_ON:
        raise Crash
    return value


class Counting(Agent):
    """Has a side effect in its body, both kinds of memory, and two levels of events."""

    @action(INPUT)
    @staticmethod
    def count(event: Event, ctx: RunnerContext) -> None:
        value = event.get_attr("input")
        memory = ctx.short_term_memory
        effect(f"count {value}")
        memory.set("seen.values", [*(memory.get("seen.values") or []), value])
        ctx.sensory_memory.set("now", value)
        ctx.send_event(Event(type="counted", attributes={"value": value}))

    @action("counted")
    @staticmethod
    def tell(event: Event, ctx: RunnerContext) -> None:
        effect(f"tell {event.get_attr('value')}")
        ctx.send_event(OutputEvent(output=[ctx.sensory_memory.get("now"), ctx.short_term_memory.get("seen.values")]))


class Twins(Agent):
    """Sends the same event twice; each has a durable call."""

    @action(INPUT)
    @staticmethod
    def split(event: Event, ctx: RunnerContext) -> None:
        for _ in range(2):
            ctx.send_event(Event(type="twin", attributes={"value": event.get_attr("input")}))

    @action("twin")
    @staticmethod
    def follow(event: Event, ctx: RunnerContext) -> None:
        ctx.durable_execute(effect, event.get_attr("value"))
        memory = ctx.short_term_memory
        memory.set("twins", (memory.get("twins") or 0) + 1)
        ctx.send_event(OutputEvent(output=memory.get("twins")))


class Paying(Agent):
    """A call with a reconciler, between two without."""

    @action(INPUT)
    @staticmethod
    def pay(event: Event, ctx: RunnerContext) -> None:
        value = event.get_attr("input")
        done = [
            ctx.durable_execute(effect, f"reserve {value}"),
            ctx.durable_execute(effect, f"pay {value}", reconciler=lambda: effect(f"was {value} paid?")),
            ctx.durable_execute(effect, f"thank {value}"),
        ]
        ctx.send_event(OutputEvent(output=done))


class Racing(Agent):
    """Two async actions write one path; the plan's first one ends last.

    The input "tell" outputs the last writer.
    """

    @action(INPUT)
    @staticmethod
    async def slow(event: Event, ctx: RunnerContext) -> None:
        if event.get_attr("input") != "tell":
            await ctx.durable_execute_async(RELEASED.wait, 30)
            ctx.short_term_memory.set("last", "slow")
            ctx.send_event(OutputEvent(output="slow"))

    @action(INPUT)
    @staticmethod
    async def quick(event: Event, ctx: RunnerContext) -> None:
        if event.get_attr("input") != "tell":
            await ctx.durable_execute_async(effect, "quick")
            ctx.short_term_memory.set("last", "quick")
            ctx.send_event(OutputEvent(output="quick"))
            RELEASED.set()

    @action(INPUT)
    @staticmethod
    def tell(event: Event, ctx: RunnerContext) -> None:
        if event.get_attr("input") == "tell":
            ctx.send_event(OutputEvent(output=ctx.short_term_memory.get("last")))


RELEASED = threading.Event()


CALLS = {"lock": threading.Lock, "text": str}


class Swallowing(Agent):
    """Makes a durable call and ignores its exception."""

    @action(INPUT)
    @staticmethod
    def swallow(event: Event, ctx: RunnerContext) -> None:
        try:
            ctx.durable_execute(CALLS[event.get_attr("input")])
        except Exception:
            TRACE.append("swallowed")
        ctx.send_event(OutputEvent(output="went on"))
