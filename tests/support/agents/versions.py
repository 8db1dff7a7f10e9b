"""Versions of two agents, as a team would release them: a till, and a desk that pays refunds."""

import time
from typing import Any
from urllib.request import Request, urlopen

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


def add_purchase(event: Event, ctx: RunnerContext, version: str) -> None:
    """Count the purchases of a customer, and those that this version handled."""
    memory = ctx.short_term_memory
    count = (memory.get("account.count") or 0) + 1
    own = (memory.get(f"account.{version}") or 0) + 1
    memory.set("account.count", count)
    memory.set(f"account.{version}", own)
    customer = InputEvent.from_event(event).input["customer"]
    booked = {"customer": customer, "count": count, "own": own, "version": version}
    ctx.send_event(Event(type="booked", attributes=booked))


def print_receipt(event: Event, ctx: RunnerContext) -> None:
    """Send what was booked."""
    names = ("customer", "count", "own", "version")
    ctx.send_event(OutputEvent(output={name: event.get_attr(name) for name in names}))


class Till(Agent):
    """The version in production."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def add(event: Event, ctx: RunnerContext) -> None:
        """Add one purchase, and pass it on for the receipt."""
        add_purchase(event, ctx, "v1")

    @action("booked")
    @staticmethod
    def receipt(event: Event, ctx: RunnerContext) -> None:
        """Print the receipt."""
        print_receipt(event, ctx)


class NextTill(Agent):
    """The next version: the same actions with other code, and one more."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def add(event: Event, ctx: RunnerContext) -> None:
        """Add one purchase, and pass it on for the receipt."""
        add_purchase(event, ctx, "v2")

    @action("booked")
    @staticmethod
    def receipt(event: Event, ctx: RunnerContext) -> None:
        """Print the receipt."""
        print_receipt(event, ctx)

    @action("booked")
    @staticmethod
    def audit(event: Event, ctx: RunnerContext) -> None:
        """Do what the version before did not."""


class StuckTill(Agent):
    """A version that never returns from its action at the third purchase of a customer."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def add(event: Event, ctx: RunnerContext) -> None:
        """Add one purchase, and wait in vain at the third one."""
        add_purchase(event, ctx, "stuck")
        while ctx.short_term_memory.get("account.stuck") == 3:
            time.sleep(0.5)

    @action("booked")
    @staticmethod
    def receipt(event: Event, ctx: RunnerContext) -> None:
        """Print the receipt."""
        print_receipt(event, ctx)


class RenamedTill(Agent):
    """A next version whose action has another name."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def add(event: Event, ctx: RunnerContext) -> None:
        """Add one purchase, and pass it on for the receipt."""
        add_purchase(event, ctx, "v2")

    @action("booked")
    @staticmethod
    def ticket(event: Event, ctx: RunnerContext) -> None:
        """Print the receipt, under another name."""
        print_receipt(event, ctx)


class BrokenTill(Agent):
    """A next version that fails at its first input."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def add(event: Event, ctx: RunnerContext) -> None:
        """Fail."""
        raise ValueError("the field customer is gone")

    @action("booked")
    @staticmethod
    def receipt(event: Event, ctx: RunnerContext) -> None:
        """Print the receipt."""
        print_receipt(event, ctx)


def pay(address: str, order: str) -> int:
    """Pay an order, and return the HTTP status."""
    request = Request(f"{address}/refunds", data=order.encode(), method="POST")
    with urlopen(request, timeout=30) as answer:
        return int(answer.status)


async def pay_and_say(event: Event, ctx: RunnerContext) -> None:
    """Pay by an asynchronous durable call, for which the input waits."""
    order = str(InputEvent.from_event(event).input)
    address: Any = ctx.config.get_str("payments.address")
    await ctx.durable_execute_async(pay, address, order)
    ctx.send_event(OutputEvent(output=f"{order} paid"))


class Desk(Agent):
    """The desk in production."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def pay(event: Event, ctx: RunnerContext) -> None:
        """Pay an order, and say so."""
        await pay_and_say(event, ctx)


class RenamedDesk(Agent):
    """A next version whose action has another name."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def refund(event: Event, ctx: RunnerContext) -> None:
        """Pay an order, and say so."""
        await pay_and_say(event, ctx)
