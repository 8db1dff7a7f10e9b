"""An agent that reads environment variables, at its import and in its action."""

from __future__ import annotations

import os

from flink_agents.api.agents.agent import Agent
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

AT_IMPORT = os.environ.get("REGION", "none")


class EnvironmentAgent(Agent):
    """Sends the region of its import, of its plan and of the action."""

    def __init__(self) -> None:
        super().__init__()
        self.add_action("of_plan", [InputEvent.EVENT_TYPE], report, region=AT_IMPORT)


def report(event: Event, ctx: RunnerContext) -> None:
    """Send the three regions."""
    regions = [AT_IMPORT, ctx.get_action_config_value("region"), os.environ.get("REGION", "none")]
    ctx.send_event(OutputEvent(output=regions))
