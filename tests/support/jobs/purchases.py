"""Agents of the jobs in this folder: purchases as values, as rows, and with event time."""

import time

from flink_agents.api.agents.agent import Agent
from flink_agents.api.core_options import AgentExecutionOptions
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext
from pyflink.common import Row
from pyflink.common.watermark_strategy import TimestampAssigner


def doubled(amount: int) -> int:
    """Return twice the amount, after a tenth of a second."""
    time.sleep(0.1)
    return 2 * amount


class Second(TimestampAssigner):
    """Event time: the purchase's amount in seconds."""

    def extract_timestamp(self, value, record_timestamp):
        return value["amount"] * 1000


class Booking(Agent):
    """The customer's running total, in memory."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def book(event: Event, ctx: RunnerContext) -> None:
        """One purchase, ``{"customer", "amount"}``."""
        purchase = InputEvent.from_event(event).input
        elsewhere = await ctx.durable_execute_async(doubled, purchase["amount"])
        total = (ctx.short_term_memory.get("total") or 0) + purchase["amount"]
        ctx.short_term_memory.set("total", total)
        ctx.send_event(OutputEvent(output={"customer": purchase["customer"], "total": total, "elsewhere": elsewhere}))


class Praise(Agent):
    """The number of times a customer was praised."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def praise(event: Event, ctx: RunnerContext) -> None:
        """One booking."""
        booking = InputEvent.from_event(event).input
        count = (ctx.short_term_memory.get("count") or 0) + 1
        ctx.short_term_memory.set("count", count)
        ctx.send_event(OutputEvent(output={**booking, "praised": count}))


class Rows(Agent):
    """A row in, a row out: the amount is doubled."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def double(event: Event, ctx: RunnerContext) -> None:
        """One purchase, a row."""
        row = InputEvent.from_event(event).input
        ctx.send_event(OutputEvent(output=Row(customer=row["customer"], amount=doubled(row["amount"]))))


class Settings(Agent):
    """Sends the options that are in effect on the worker."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def tell(event: Event, ctx: RunnerContext) -> None:
        """Send the options, for any input."""
        options = (
            AgentExecutionOptions.MAX_RETRIES,
            AgentExecutionOptions.RETRY_WAIT_INTERVAL,
            AgentExecutionOptions.NUM_ASYNC_THREADS,
        )
        ctx.send_event(OutputEvent(output={option.get_key(): ctx.config.get(option) for option in options}))
