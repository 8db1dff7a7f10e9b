"""An agent that refuses what it cannot handle, and so fails its job: as it should."""

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class StrictAgent(Agent):
    """Doubles numbers; anything else is an error, not a guess."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def double(event: Event, ctx: RunnerContext) -> None:
        """Double one number."""
        number = InputEvent.from_event(event).input
        if not isinstance(number, int):
            raise ValueError(f"only whole numbers are doubled, not {number!r}")
        ctx.send_event(OutputEvent(output=2 * number))
