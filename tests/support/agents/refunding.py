"""Agents that pay through an endpoint, rightly and wrongly; its address is the option ``test.payments``."""

from __future__ import annotations

import random

import requests
from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


def pay(url: str, amount: int) -> None:
    """Pay an amount."""
    requests.post(f"{url}/refunds", json={"amount": amount}, timeout=10).raise_for_status()


def payments(ctx: RunnerContext) -> str:
    """Return the address of the endpoint."""
    return str(ctx.config.get_str("test.payments"))


class Durable(Agent):
    """Pays in a durable call, and keeps the total in its memory."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def pay(event: Event, ctx: RunnerContext) -> None:
        """Pay the amount of the input."""
        amount = InputEvent.from_event(event).input
        await ctx.durable_execute_async(pay, payments(ctx), amount)
        total = (ctx.short_term_memory.get("total") or 0) + amount
        ctx.short_term_memory.set("total", total)
        ctx.send_event(OutputEvent(output=total))


class Careless(Agent):
    """Pays outside of a durable call, and draws the number of the receipt."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def pay(event: Event, ctx: RunnerContext) -> None:
        """Pay the amount of the input."""
        amount = InputEvent.from_event(event).input
        pay(payments(ctx), amount)
        ctx.send_event(OutputEvent(output={"amount": amount, "receipt": random.random()}))


def paid_amount(url: str, amount: int) -> None:
    """Ask the service for a payment of that amount, and raise if there is none."""
    requests.get(f"{url}/refunds/{amount}", timeout=10).raise_for_status()


class Reconciled(Agent):
    """Pays in a durable call, whose reconciler asks the service at ``test.questions``."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def pay(event: Event, ctx: RunnerContext) -> None:
        """Pay the amount of the input."""
        questions, amount = str(ctx.config.get_str("test.questions")), InputEvent.from_event(event).input
        await ctx.durable_execute_async(pay, payments(ctx), amount, reconciler=lambda: paid_amount(questions, amount))
        ctx.send_event(OutputEvent(output=amount))
