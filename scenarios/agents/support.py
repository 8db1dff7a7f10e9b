"""Actions and a tool for the support desk that support.yaml declares."""

from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.events.chat_event import ChatRequestEvent, ChatResponseEvent
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


def read_ticket(event: Event, ctx: RunnerContext) -> None:
    """Hand the ticket's text to the model."""
    ticket = InputEvent.from_event(event).input
    message = ChatMessage(role=MessageRole.USER, content=ticket["text"])
    ctx.send_event(ChatRequestEvent(model="desk", messages=[message]))


def answer_ticket(event: Event, ctx: RunnerContext) -> None:
    """Give out the model's answer."""
    ctx.send_event(OutputEvent(output={"answer": ChatResponseEvent.from_event(event).response.content}))


def order_status(order: str) -> str:
    """Look up where an order is.

    Parameters
    ----------
    order : str
        The order's number.
    """
    return f"order {order} left the warehouse"
