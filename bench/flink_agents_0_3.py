"""The benchmark's agents for flink-agents 0.3."""

import time

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class Echo(Agent):
    """Sends one output for each input."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def echo(event: Event, ctx: RunnerContext) -> None:
        """Send the input back."""
        ctx.send_event(OutputEvent(output=InputEvent.from_event(event).input))


class Waiting(Agent):
    """Makes one slow call for each input."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def wait(event: Event, ctx: RunnerContext) -> None:
        """Sleep for as many seconds as the input says."""
        await ctx.durable_execute_async(time.sleep, InputEvent.from_event(event).input)
        ctx.send_event(OutputEvent(output=None))


class Counting(Agent):
    """Stores the last input and a count for each key."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def count(event: Event, ctx: RunnerContext) -> None:
        """Store the input without an output."""
        memory = ctx.short_term_memory
        memory.set("count", (memory.get("count") or 0) + 1)
        memory.set("last", InputEvent.from_event(event).input)


class Large(Agent):
    """Answers with an order of as many lines as the input says."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        """Send the order."""
        note = "a light of glass for the garden, to be delivered at eight in the evening, unless it is raining then"
        lines = [
            {"sku": f"s-{number}", "count": number, "price": 9.99, "tags": ["a", "b", "c"], "note": note}
            for number in range(InputEvent.from_event(event).input)
        ]
        ctx.send_event(OutputEvent(output={"id": "o-1", "lines": lines}))
