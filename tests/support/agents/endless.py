"""An agent whose actions send each other events."""

from __future__ import annotations

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class PingPongAgent(Agent):
    """Sends as many events as the input says, endlessly for a negative one, and then an output."""

    @action(InputEvent.EVENT_TYPE, "pong")
    @staticmethod
    def ping(event: Event, ctx: RunnerContext) -> None:
        """Send a ping, or the output."""
        left = InputEvent.from_event(event).input if event.type == InputEvent.EVENT_TYPE else event.get_attr("left")
        if left == 0:
            ctx.send_event(OutputEvent(output="done"))
        else:
            ctx.send_event(Event(type="ping", attributes={"left": left - 1}))

    @action("ping")
    @staticmethod
    def pong(event: Event, ctx: RunnerContext) -> None:
        """Answer a ping."""
        left = event.get_attr("left")
        if left == 0:
            ctx.send_event(OutputEvent(output="done"))
        else:
            ctx.send_event(Event(type="pong", attributes={"left": left - 1}))


class ManyOutputsAgent(Agent):
    """Sends as many outputs as the input says."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        """Send the outputs."""
        for number in range(InputEvent.from_event(event).input):
            ctx.send_event(OutputEvent(output=number))


class BusyAgent(Agent):
    """Never returns from its action."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def spin(event: Event, ctx: RunnerContext) -> None:
        """Compute without end."""
        while True:
            pass
