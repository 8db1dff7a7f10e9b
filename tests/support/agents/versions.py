"""Versions of one agent, as a team would release them: a till and a payment desk."""

from typing import Any
from urllib.request import Request, urlopen

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


def _add(ctx: RunnerContext, version: str) -> dict[str, Any]:
    """Count the inputs of a key, and how many of them each version handled."""
    memory = ctx.short_term_memory
    count = (memory.get("account.count") or 0) + 1
    own = (memory.get(f"account.{version}") or 0) + 1
    memory.set("account.count", count)
    memory.set(f"account.{version}", own)
    return {"count": count, "own": own, "version": version}


class Till(Agent):
    """The version in production: it counts the purchases of a customer."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def add(event: Event, ctx: RunnerContext) -> None:
        """Add one purchase, and pass it on for the receipt."""
        ctx.send_event(Event(type="booked", attributes=_add(ctx, "v1")))

    @action("booked")
    @staticmethod
    def receipt(event: Event, ctx: RunnerContext) -> None:
        """Print the receipt."""
        ctx.send_event(OutputEvent(output={name: event.get_attr(name) for name in ("count", "own", "version")}))


class NextTill(Agent):
    """The next version: the same actions with other code, and one more."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def add(event: Event, ctx: RunnerContext) -> None:
        """Add one purchase, and pass it on for the receipt."""
        ctx.send_event(Event(type="booked", attributes=_add(ctx, "v2")))

    @action("booked")
    @staticmethod
    def receipt(event: Event, ctx: RunnerContext) -> None:
        """Print the receipt."""
        ctx.send_event(OutputEvent(output={name: event.get_attr(name) for name in ("count", "own", "version")}))

    @action("booked")
    @staticmethod
    def audit(event: Event, ctx: RunnerContext) -> None:
        """Do what the version before did not."""


class RenamedTill(Agent):
    """A next version whose action has another name."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def add(event: Event, ctx: RunnerContext) -> None:
        """Add one purchase, and pass it on for the receipt."""
        ctx.send_event(Event(type="booked", attributes=_add(ctx, "v2")))

    @action("booked")
    @staticmethod
    def ticket(event: Event, ctx: RunnerContext) -> None:
        """Print the receipt, under another name."""
        ctx.send_event(OutputEvent(output={name: event.get_attr(name) for name in ("count", "own", "version")}))


def _post(address: str, body: bytes) -> int:
    with urlopen(Request(f"{address}/refunds", data=body, method="POST"), timeout=30) as answer:
        return int(answer.status)


class Desk(Agent):
    """Pays by an asynchronous durable call, for which an input waits."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def pay(event: Event, ctx: RunnerContext) -> None:
        """Pay an order, and say so."""
        order = str(InputEvent.from_event(event).input)
        address = str(ctx.config.get_str("payments.address"))
        await ctx.durable_execute_async(_post, address, order.encode())
        ctx.send_event(OutputEvent(output=f"{order} paid"))


class NextDesk(Desk):
    """The next version of the desk."""


class RenamedDesk(Agent):
    """A next version of the desk whose action has another name."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def refund(event: Event, ctx: RunnerContext) -> None:
        """Pay an order, and say so."""
        await Desk.pay(event, ctx)


class BrokenTill(Agent):
    """A next version that fails at its first input."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def add(event: Event, ctx: RunnerContext) -> None:
        """Fail."""
        raise ValueError("the field amount is gone")

    @action("booked")
    @staticmethod
    def receipt(event: Event, ctx: RunnerContext) -> None:
        """Do nothing."""
