"""An agent that waits, synchronously or not: for tests of time."""

import time

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


def nap(seconds: float) -> float:
    """Wait, and say how long."""
    time.sleep(seconds)
    return seconds


class NapAgent(Agent):
    """Waits in an asynchronous call for as long as the input says."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def nap(event: Event, ctx: RunnerContext) -> None:
        """One nap."""
        seconds = InputEvent.from_event(event).input
        ctx.send_event(OutputEvent(output=await ctx.durable_execute_async(nap, seconds)))


class MeteredAgent(Agent):
    """Waits as the other, and counts in metrics of its own."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def count(event: Event, ctx: RunnerContext) -> None:
        """One nap, counted."""
        seconds = InputEvent.from_event(event).input
        ctx.action_metric_group.get_counter("naps").inc()
        ctx.action_metric_group.get_gauge("lastNap").update(seconds)
        ctx.agent_metric_group.get_sub_group("bed", "left").get_histogram("seconds").update(int(seconds))
        ctx.send_event(OutputEvent(output=await ctx.durable_execute_async(nap, seconds)))


class PacedTill(Agent):
    """A running count and total for each key, a little slower than a machine is killed."""

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
