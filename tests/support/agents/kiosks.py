"""Versions of a kiosk that counts the coffees of a customer, and orders each one from the kitchen."""

import json
import time
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

# The customer of the last input by which a candidate is judged, and the number of its coffee.
LAST_IN_THE_SHADOW = ("key-3", 11)


def order(address: str, customer: str, number: int, cup: str) -> int:
    """Order a coffee, and return the HTTP status."""
    body = json.dumps({"customer": customer, "number": number, "cup": cup}).encode()
    try:
        with urlopen(Request(f"{address}/coffees", data=body, method="POST"), timeout=30) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


async def serve(event: Event, ctx: RunnerContext, cup: str, thanks: str) -> None:
    """Count a coffee, order it, and thank the customer."""
    customer = InputEvent.from_event(event).input["customer"]
    number = (ctx.short_term_memory.get("coffees") or 0) + 1
    ctx.short_term_memory.set("coffees", number)
    address: Any = ctx.config.get_str("kitchen.address")
    status = await ctx.durable_execute_async(order, address, customer, number, cup)
    output = {"customer": customer, "number": number, "status": status, "thanks": thanks}
    ctx.send_event(OutputEvent(output=output))
    if (customer, number) == LAST_IN_THE_SHADOW:
        ctx.send_event(Event(type="thanked", attributes={"customer": customer, "number": number}))


def order_late(address: str, after_s: float, customer: str, number: int) -> int:
    """Order a large coffee after so many seconds."""
    time.sleep(after_s)
    return order(address, customer, number, "large")


class Kiosk(Agent):
    """The kiosk in production."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def serve(event: Event, ctx: RunnerContext) -> None:
        """Serve a coffee."""
        await serve(event, ctx, "small", "thank you")


class NextKiosk(Agent):
    """The next version, with other words inside."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def serve(event: Event, ctx: RunnerContext) -> None:
        """Serve a coffee."""
        await serve(event, ctx, cup="small", thanks="thank you")


class PoliteKiosk(Agent):
    """A next version whose outputs differ."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def serve(event: Event, ctx: RunnerContext) -> None:
        """Serve a coffee."""
        await serve(event, ctx, "small", "thank you very much")


class GenerousKiosk(Agent):
    """A next version that orders something else, and says nothing of it."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def serve(event: Event, ctx: RunnerContext) -> None:
        """Serve a coffee."""
        await serve(event, ctx, "large", "thank you")


class LateKiosk(Agent):
    """A next version that orders something else behind its output, after the seconds of ``kitchen.late_s``."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def serve(event: Event, ctx: RunnerContext) -> None:
        """Serve a coffee."""
        await serve(event, ctx, "small", "thank you")

    @action("thanked")
    @staticmethod
    async def more(event: Event, ctx: RunnerContext) -> None:
        """Order another coffee."""
        address, after_s = ctx.config.get_str("kitchen.address"), ctx.config.get_float("kitchen.late_s", 0.0)
        await ctx.durable_execute_async(
            order_late, address, after_s, event.get_attr("customer"), event.get_attr("number")
        )


class BrokenKiosk(Agent):
    """A next version that fails at its first input."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def serve(event: Event, ctx: RunnerContext) -> None:
        """Fail."""
        raise ValueError("the machine has no water")
