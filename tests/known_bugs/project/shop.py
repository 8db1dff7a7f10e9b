"""Small agents, each of which one of the known defects breaks."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import requests
from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

INPUT = InputEvent.EVENT_TYPE


def input_of(event: Event) -> Any:
    """Return the value of an input."""
    return InputEvent.from_event(event).input


def pay(amount: Any) -> int:
    """Pay, and return the HTTP status."""
    return requests.post(os.environ["PAYMENTS_URL"] + "/refunds", json={"amount": amount}, timeout=10).status_code


class Pays(Agent):
    """Pays in a recorded call, and keeps the total in another action."""

    @action(INPUT)
    @staticmethod
    async def pay(event: Event, ctx: RunnerContext) -> None:
        """Pay the amount."""
        amount = input_of(event)
        await ctx.durable_execute_async(pay, amount)
        ctx.send_event(Event(type="paid", attributes={"amount": amount}))

    @action("paid")
    @staticmethod
    def add(event: Event, ctx: RunnerContext) -> None:
        """Add the amount."""
        total = (ctx.short_term_memory.get("total") or 0) + event.get_attr("amount")
        ctx.short_term_memory.set("total", total)
        ctx.send_event(OutputEvent(output=total))


def enter(path: str) -> None:
    """Pass a gate, which refuses its first caller."""
    requests.post(os.environ["GATE_URL"] + path, timeout=10).raise_for_status()


class PaysInTurn(Agent):
    """Pays in one action and confirms in another; an input with a gate fails the job once."""

    @action(INPUT)
    @staticmethod
    async def pay(event: Event, ctx: RunnerContext) -> None:
        """Pay the amount, after a while if the order says so."""
        order = input_of(event)
        if order.get("wait"):
            await ctx.durable_execute_async(time.sleep, order["wait"])
        if order.get("gate"):
            enter("/gate")
        pay(order["amount"])
        ctx.send_event(Event(type="paid", attributes={"amount": order["amount"]}))

    @action("paid")
    @staticmethod
    def confirm(event: Event, ctx: RunnerContext) -> None:
        """Confirm the payment."""
        ctx.send_event(OutputEvent(output=event.get_attr("amount")))


class PaysTwice(Agent):
    """Splits each input into two equal events, and pays for each."""

    @action(INPUT)
    @staticmethod
    def split(event: Event, ctx: RunnerContext) -> None:
        """Send the halves."""
        for _ in range(2):
            ctx.send_event(Event(type="half", attributes={"amount": input_of(event)}))

    @action("half")
    @staticmethod
    def pay(event: Event, ctx: RunnerContext) -> None:
        """Pay, and count."""
        pay(event.get_attr("amount"))
        count = (ctx.short_term_memory.get("count") or 0) + 1
        ctx.short_term_memory.set("count", count)
        ctx.send_event(OutputEvent(output=count))


class Accounts(Agent):
    """Opens an account as an object in memory, and books in another action."""

    @action(INPUT)
    @staticmethod
    def open(event: Event, ctx: RunnerContext) -> None:
        """Open the account."""
        ctx.short_term_memory.new_object("account", overwrite=True).set("owner", input_of(event))
        ctx.send_event(Event(type="opened", attributes={}))

    @action("opened")
    @staticmethod
    def book(event: Event, ctx: RunnerContext) -> None:
        """Read the account."""
        ctx.send_event(OutputEvent(output=ctx.short_term_memory.get("account").get("owner")))


def refuse(amount: Any) -> None:
    """Refuse any amount."""
    raise ValueError(f"the card was refused for {amount}")


class Refuses(Agent):
    """Fails in a recorded call."""

    @action(INPUT)
    @staticmethod
    def charge(event: Event, ctx: RunnerContext) -> None:
        """Charge the card."""
        ctx.durable_execute(refuse, input_of(event))


class Handles(Agent):
    """Handles a refusal by its type, and continues in another recorded call."""

    @action(INPUT)
    @staticmethod
    def charge(event: Event, ctx: RunnerContext) -> None:
        """Charge the card, and give it back."""
        try:
            ctx.durable_execute(refuse, input_of(event))
        except ValueError as error:
            said = str(error)
        ctx.durable_execute(str, said)
        ctx.send_event(OutputEvent(output=said))


def log(amount: Any) -> None:
    """Return nothing."""


class Logs(Agent):
    """Has a recorded call without a result."""

    @action(INPUT)
    @staticmethod
    def log(event: Event, ctx: RunnerContext) -> None:
        """Log the amount, and output what that returned."""
        ctx.send_event(OutputEvent(output=ctx.durable_execute(log, input_of(event))))


class Locks(Agent):
    """Has a recorded call whose outcome cannot be written down."""

    @action(INPUT)
    @staticmethod
    def lock(event: Event, ctx: RunnerContext) -> None:
        """Make a lock."""
        ctx.durable_execute(threading.Lock)
        ctx.send_event(OutputEvent(output="locked"))
