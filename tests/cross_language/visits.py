"""A Python agent for flink-agents 0.1 that reads what a Java action has counted."""

from flink_agents.api.agent import Agent
from flink_agents.api.decorators import action, tool
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class VisitsAgent(Agent):
    """Answers with the number of visits of a key."""

    @action(InputEvent)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        """Output the number of visits."""
        visits = ctx.short_term_memory.get("visits")
        ctx.send_event(OutputEvent(output={"visits": visits, "item": event.input["item"]}))

    @tool
    @staticmethod
    def double(number: int) -> int:
        """Double a number.

        Parameters
        ----------
        number : int
            The number.
        """
        return 2 * number


class OptionsAgent(Agent):
    """Its action has options of several types."""

    def __init__(self) -> None:
        """Add the action."""
        super().__init__()
        self.add_action("answer", [InputEvent], answer_with_options, limit=3, mode="x", strict=True)


def answer_with_options(event: Event, ctx: RunnerContext) -> None:
    """Output the action's options."""
    ctx.send_event(OutputEvent(output=ctx.action_config))
