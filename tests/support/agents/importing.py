"""An agent that says which modules were left out."""

from __future__ import annotations

import importlib
import sys

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class ImportingAgent(Agent):
    """Answers with the choice of PyFlink and whether the input's module was imported already, and imports it."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        """Send all three."""
        chosen = importlib.import_module("pyflink.fn_execution").PYFLINK_CYTHON_ENABLED
        name = InputEvent.from_event(event).input
        imported = name in sys.modules
        module = importlib.import_module(name)
        ctx.send_event(OutputEvent(output={"compiled": chosen, "imported": imported, "module": module.__name__}))
