"""Agents for flink-agents 0.1, whose events are classes: for tests of upstream's engine."""

import json
import time
import urllib.request
from typing import Any

from flink_agents.api.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class Booked(Event):
    """A purchase was added to its customer's account."""

    item: str
    total: int
    count: int


class TypedTill(Agent):
    """One running total for each customer, in short-term memory."""

    @action(InputEvent)
    @staticmethod
    def add(event: Event, ctx: RunnerContext) -> None:
        """Add one purchase, and send it to the receipt."""
        memory = ctx.short_term_memory
        total = (memory.get("account.total") or 0) + event.input["amount"]
        count = (memory.get("account.count") or 0) + 1
        memory.set("account.total", total)
        memory.set("account.count", count)
        ctx.send_event(Booked(item=event.input["item"], total=total, count=count))

    @action(Booked)
    @staticmethod
    def receipt(event: Event, ctx: RunnerContext) -> None:
        """Send the receipt."""
        ctx.send_event(OutputEvent(output={"item": event.item, "total": event.total, "purchases": event.count}))


class TypedStrict(Agent):
    """Doubles numbers; anything else is an error."""

    @action(InputEvent)
    @staticmethod
    def double(event: Event, ctx: RunnerContext) -> None:
        """Double one number."""
        if not isinstance(event.input, int):
            raise ValueError(f"only whole numbers are doubled, not {event.input!r}")
        ctx.send_event(OutputEvent(output=2 * event.input))


def nap(seconds: float) -> float:
    """Wait, and return the seconds."""
    time.sleep(seconds)
    return seconds


class TypedNap(Agent):
    """Waits in an asynchronous call for the seconds of the input."""

    @action(InputEvent)
    @staticmethod
    def rest(event: Event, ctx: RunnerContext) -> Any:
        """One nap."""
        seconds = yield from ctx.execute_async(nap, event.input)
        ctx.send_event(OutputEvent(output=seconds))


class PacedTill(Agent):
    """A running count and total for each key, slow enough to be killed in mid-stream."""

    @action(InputEvent)
    @staticmethod
    def add(event: Event, ctx: RunnerContext) -> Any:
        """Book one amount: a millisecond of work, and a short wait."""
        time.sleep(0.001)
        yield from ctx.execute_async(nap, 0.005)
        memory = ctx.short_term_memory
        count, total = (memory.get("count") or 0) + 1, (memory.get("total") or 0) + event.input
        memory.set("count", count)
        memory.set("total", total)
        ctx.send_event(OutputEvent(output={"count": count, "total": total}))


class Paid(Event):
    """An order was paid."""

    order: str


class Paying(Agent):
    """Pays in one action, and confirms in another, slowly enough to be killed."""

    @action(InputEvent)
    @staticmethod
    def pay(event: Event, ctx: RunnerContext) -> None:
        """Pay the order of the input. The call names its cause itself: upstream's engine does not."""
        cause = {"X-Flink-Agents-Key": "c-1", "X-Flink-Agents-Input": "0", "X-Flink-Agents-Action": "pay"}
        body = json.dumps({"order": event.input["order"]}).encode()
        address = ctx.config.get_str("payments.address") + "/refunds"
        request = urllib.request.Request(address, body, {"Content-Type": "application/json", **cause})
        urllib.request.urlopen(request, timeout=20).close()
        ctx.send_event(Paid(order=event.input["order"]))

    @action(Paid)
    @staticmethod
    def confirm(event: Event, ctx: RunnerContext) -> Any:
        """Confirm the payment after a while."""
        yield from ctx.execute_async(nap, 8.0)
        ctx.send_event(OutputEvent(output=f"{event.order} paid"))
