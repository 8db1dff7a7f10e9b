"""The agent whose state is in ``tests/savepoints``: its actions keep their names, or no stored call would be found."""

from typing import Any

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

from tests.support.agents.napping import wait_for


class StoredTill(Agent):
    """Counts and totals the purchases of a key; one that ``waits`` is unfinished until the file ``gate`` is there.

    The recorded call returns the option ``writer`` of the job that made it.
    """

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def open(event: Event, ctx: RunnerContext) -> None:
        """Count the purchase, and remember its amount for this run."""
        purchase = InputEvent.from_event(event).input
        memory = ctx.short_term_memory
        memory.set("account.count", (memory.get("account.count") or 0) + 1)
        memory.set("items", [*(memory.get("items") or []), purchase["item"]])
        ctx.sensory_memory.set("amount", purchase["amount"])
        ctx.send_event(Event(type="opened", attributes={"purchase": purchase}))

    @action("opened")
    @staticmethod
    async def book(event: Event, ctx: RunnerContext) -> None:
        """Add the amount after a recorded call, and perhaps an unfinished one."""
        purchase, memory = event.get_attr("purchase"), ctx.short_term_memory

        def who() -> Any:
            return ctx.config.get_str("writer")

        booked_by = await ctx.durable_execute_async(who)
        if purchase["waits"]:
            await ctx.durable_execute_async(wait_for, ctx.config.get_str("gate"))
        total = (memory.get("account.total") or 0) + ctx.sensory_memory.get("amount")
        memory.set("account.total", total)
        said = {"key": purchase["key"], "count": memory.get("account.count"), "total": total}
        ctx.send_event(OutputEvent(output={**said, "items": memory.get("items"), "booked_by": booked_by}))
