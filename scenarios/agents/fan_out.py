"""One question to several desks: shows the order in which a key's actions run."""

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


def look_up_price(item: str) -> int:
    """Stand in for a slow call: one coin a letter."""
    return len(item)


class QuoteAgent(Agent):
    """Asks stock and price for an item, and quotes when both have answered."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def ask(event: Event, ctx: RunnerContext) -> None:
        """Send two questions. Both are answered before any answer is looked at: breadth first."""
        item = InputEvent.from_event(event).input
        ctx.send_event(Event(type="price_wanted", attributes={"item": item}))
        ctx.send_event(Event(type="stock_wanted", attributes={"item": item}))

    @action("price_wanted")
    @staticmethod
    async def price(event: Event, ctx: RunnerContext) -> None:
        """Answer from a slow source, without holding up other keys."""
        price = await ctx.durable_execute_async(look_up_price, event.get_attr("item"))
        ctx.send_event(Event(type="answer", attributes={"price": price}))

    @action("stock_wanted")
    @staticmethod
    def stock(event: Event, ctx: RunnerContext) -> None:
        """Answer at once."""
        ctx.send_event(Event(type="answer", attributes={"stock": event.get_attr("item") != "unicorn"}))

    @action("answer")
    @staticmethod
    def collect(event: Event, ctx: RunnerContext) -> None:
        """Quote when the second answer is in. Sensory memory ends with the run, so nothing has to be cleared."""
        answers = (ctx.sensory_memory.get("answers") or {}) | event.attributes
        ctx.sensory_memory.set("answers", answers)
        if len(answers) == 2:
            ctx.send_event(OutputEvent(output=answers))
