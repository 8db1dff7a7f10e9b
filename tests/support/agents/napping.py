"""Agents that wait, in asynchronous calls or not: for tests of time."""

import os
import threading
import time
from pathlib import Path

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


def nap(seconds: float) -> float:
    """Wait, and return the seconds."""
    time.sleep(seconds)
    return seconds


class NapAgent(Agent):
    """Waits in an asynchronous call for the seconds of the input."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def nap(event: Event, ctx: RunnerContext) -> None:
        """One nap."""
        seconds = InputEvent.from_event(event).input
        ctx.send_event(OutputEvent(output=await ctx.durable_execute_async(nap, seconds)))


class MeteredAgent(Agent):
    """Waits as :class:`NapAgent` does, and counts in metrics of its own.

    An input with a gate, ``[seconds, gate]``, is counted with these seconds and waits for that file.
    """

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def count(event: Event, ctx: RunnerContext) -> None:
        """One nap, counted."""
        asked = InputEvent.from_event(event).input
        seconds, gate = asked if isinstance(asked, list) else (asked, None)
        ctx.action_metric_group.get_counter("naps").inc()
        ctx.action_metric_group.get_gauge("lastNap").update(seconds)
        ctx.agent_metric_group.get_sub_group("bed", "left").get_histogram("seconds").update(int(seconds))
        await (ctx.durable_execute_async(wait_for, gate) if gate else ctx.durable_execute_async(nap, seconds))
        ctx.send_event(OutputEvent(output=seconds))


class PacedTill(Agent):
    """A running count and total for each key, slow enough to be killed in mid-stream."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def add(event: Event, ctx: RunnerContext) -> None:
        """Book one amount: a millisecond of work, and a short wait."""
        amount = InputEvent.from_event(event).input
        time.sleep(0.001)
        await ctx.durable_execute_async(nap, 0.005)
        memory = ctx.short_term_memory
        count, total = (memory.get("count") or 0) + 1, (memory.get("total") or 0) + amount
        memory.set("count", count)
        memory.set("total", total)
        ctx.send_event(OutputEvent(output={"count": count, "total": total}))


def wait_for(gate: str | None) -> None:
    """Wait until the file exists, at most five minutes; None is no file to wait for."""
    for _ in range(3000):
        if gate is None or Path(gate).exists():
            return
        time.sleep(0.1)
    raise TimeoutError(f"nobody opened {gate}")


class GatedTill(Agent):
    """A running count and total for each key; an input with a gate waits for that file."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def add(event: Event, ctx: RunnerContext) -> None:
        """Book one ``{"key", "amount", "gate"}``."""
        purchase = InputEvent.from_event(event).input
        memory = ctx.short_term_memory
        memory.set("count", (memory.get("count") or 0) + 1)
        await ctx.durable_execute_async(wait_for, purchase["gate"])
        memory.set("total", (memory.get("total") or 0) + purchase["amount"])
        output = {"key": purchase["key"], "count": memory.get("count"), "total": memory.get("total")}
        ctx.send_event(OutputEvent(output=output))


class LockAgent(Agent):
    """Sends an output that is not JSON."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def lock(event: Event, ctx: RunnerContext) -> None:
        """One lock."""
        ctx.send_event(OutputEvent(output=threading.Lock()))


class ExitingAgent(Agent):
    """Ends the process that it runs in, as a native crash would."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def leave(event: Event, ctx: RunnerContext) -> None:
        """End the process without any cleanup."""
        os._exit(7)
