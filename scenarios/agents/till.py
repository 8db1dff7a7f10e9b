"""A till: one running total for each customer, in short-term memory."""

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class TillAgent(Agent):
    """Adds each purchase to its customer's total and says where it stands."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def add(event: Event, ctx: RunnerContext) -> None:
        """Add one purchase, and pass it on for the receipt."""
        purchase = InputEvent.from_event(event).input
        memory = ctx.short_term_memory
        total = (memory.get("account.total") or 0) + purchase["amount"]
        count = (memory.get("account.count") or 0) + 1
        memory.set("account.total", total)
        memory.set("account.count", count)
        ctx.sensory_memory.set("purchase", purchase["item"])
        ctx.send_event(Event(type="purchase_booked", attributes={"total": total, "count": count}))

    @action("purchase_booked")
    @staticmethod
    def receipt(event: Event, ctx: RunnerContext) -> None:
        """Print the receipt: the item comes from this run's own memory, the total from the event."""
        item = ctx.sensory_memory.get("purchase")
        total, count = event.get_attr("total"), event.get_attr("count")
        ctx.send_event(OutputEvent(output={"item": item, "total": total, "purchases": count}))
