"""The benchmark's agent for flink-agents 0.1, whose events are classes."""

from flink_agents.api.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class Echo(Agent):
    """Sends one output for each input."""

    @action(InputEvent)
    @staticmethod
    def echo(event: Event, ctx: RunnerContext) -> None:
        """Send the input back."""
        ctx.send_event(OutputEvent(output=event.input))
