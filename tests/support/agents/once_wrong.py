"""An agent that answers otherwise in one run of several, as a flaky one does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class OnceWrongAgent(Agent):
    """Returns its input, and -1 in the second run with one directory of ``runs.directory``."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        """Count the run and answer."""
        directory: Any = ctx.config.get_str("runs.directory")
        runs = sum(1 for _ in Path(directory).iterdir()) + 1
        Path(directory, str(runs)).touch()
        ctx.send_event(OutputEvent(output=-1 if runs == 2 else InputEvent.from_event(event).input))
