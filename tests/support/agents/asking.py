"""An agent that asks a service, and asks again when no answer comes."""

from __future__ import annotations

import json
import os
import time
import urllib.request

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

_PATIENCE_S = 1.0
_ATTEMPTS = 20


def ask(url: str, question: str) -> int:
    """Ask until an answer comes, each time for a second at most; return the number of attempts."""
    time.sleep(0.05)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": question}]}).encode()
    for attempt in range(1, _ATTEMPTS + 1):
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:
                answer.read()
            return attempt
        except OSError:
            continue
    raise TimeoutError(f"no answer in {_ATTEMPTS} attempts")


class Asking(Agent):
    """Asks the service at ``SERVICE_URL`` once for each input, or as often as it takes."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def ask(event: Event, ctx: RunnerContext) -> None:
        """Ask, and send the number of attempts."""
        question = str(InputEvent.from_event(event).input)
        ctx.send_event(OutputEvent(output=await ctx.durable_execute_async(ask, os.environ["SERVICE_URL"], question)))
