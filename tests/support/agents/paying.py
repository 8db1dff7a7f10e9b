"""An agent that pays through a service, and is slow enough afterwards to be killed."""

from __future__ import annotations

import json
import time
import urllib.request

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

SLOW_S = 8.0


def pay(url: str, order: str) -> int:
    """Pay an order, and return the HTTP status."""
    body = json.dumps({"order": order}).encode()
    request = urllib.request.Request(url + "/refunds", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return int(answer.status)


def confirm(order: str) -> str:
    """Take a while, and return the confirmation."""
    time.sleep(SLOW_S)
    return f"{order} paid"


class Paying(Agent):
    """Pays in one action, and confirms in another."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def pay(event: Event, ctx: RunnerContext) -> None:
        """Pay the order of the input."""
        order = InputEvent.from_event(event).input["order"]
        pay(ctx.config.get_str("payments.address"), order)
        ctx.send_event(Event(type="paid", attributes={"order": order}))

    @action("paid")
    @staticmethod
    async def confirm(event: Event, ctx: RunnerContext) -> None:
        """Confirm the payment."""
        ctx.send_event(OutputEvent(output=await ctx.durable_execute_async(confirm, event.get_attr("order"))))
