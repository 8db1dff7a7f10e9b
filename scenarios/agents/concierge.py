"""A concierge who knows a guest for as long as short-term memory lasts."""

import time

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

WALK_S = 0.02


class ConciergeAgent(Agent):
    """Says whether a guest is known, and takes a moment to come to the door."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def welcome(event: Event, ctx: RunnerContext) -> None:
        """Look the guest up, and remember them."""
        time.sleep(WALK_S)
        known = ctx.short_term_memory.get("guest.name") is not None
        ctx.short_term_memory.set("guest.name", InputEvent.from_event(event).input)
        ctx.send_event(OutputEvent(output={"known": known}))
