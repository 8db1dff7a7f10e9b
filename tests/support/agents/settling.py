"""An agent that reserves in one action and captures in the next, for tests with many failures."""

from __future__ import annotations

import json
import urllib.request

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


def post(url: str, order: str) -> int:
    """Send an order to a service, and return the HTTP status."""
    body = json.dumps({"order": order}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return int(answer.status)


class Settling(Agent):
    """Calls the service of the option ``test.payments`` in both actions; keeps a count and a total of its key."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def reserve(event: Event, ctx: RunnerContext) -> None:
        """Reserve, which blocks the other keys."""
        amount = InputEvent.from_event(event).input["amount"]
        memory = ctx.short_term_memory
        order = f"{ctx.state_key}-{amount}"
        ctx.durable_execute(post, ctx.config.get_str("test.payments") + "/reservations", order)
        memory.set("count", (memory.get("count") or 0) + 1)
        memory.set("total", (memory.get("total") or 0) + amount)
        ctx.send_event(Event(type="reserved", attributes={"order": order}))

    @action("reserved")
    @staticmethod
    async def capture(event: Event, ctx: RunnerContext) -> None:
        """Capture, beside other keys."""
        url = ctx.config.get_str("test.payments") + "/captures"
        await ctx.durable_execute_async(post, url, event.get_attr("order"))
        memory = ctx.short_term_memory
        ctx.send_event(OutputEvent(output={"count": memory.get("count"), "total": memory.get("total")}))
