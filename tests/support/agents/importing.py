"""An agent that says which modules PyFlink has left out."""

from __future__ import annotations

import importlib

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class ImportingAgent(Agent):
    """Answers with the choice of PyFlink, and imports the input's module."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        """Send both."""
        chosen = importlib.import_module("pyflink.fn_execution").PYFLINK_CYTHON_ENABLED
        module = importlib.import_module(InputEvent.from_event(event).input)
        ctx.send_event(OutputEvent(output={"compiled coders": chosen, "module": module.__name__}))
