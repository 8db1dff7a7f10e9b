"""An agent that charges, and records each charge in a file: for tests of the action store.

No crash of the job removes a charge from that file.
"""

from __future__ import annotations

import time
from pathlib import Path

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

PACE_S = 0.01


def charge(ledger: str, name: str) -> str:
    """Write one charge to the file of the option ``test.ledger``."""
    with Path(ledger).open("a", encoding="utf-8") as lines:
        lines.write(name + "\n")
    time.sleep(PACE_S)
    return name


class Charging(Agent):
    """Charges in two actions; fails once at the input "fail" if there is no file ``failed``."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def first(event: Event, ctx: RunnerContext) -> None:
        """Charge, and send the event of the second action."""
        value = event.get_attr("input")
        ledger = ctx.config.get_str("test.ledger")
        name = ctx.durable_execute(charge, ledger, f"{ctx.state_key} {value} first")
        failed = Path(ledger).with_name("failed")
        if value == "fail" and not failed.exists():
            failed.touch()
            raise RuntimeError("the one failure")
        ctx.short_term_memory.set("count", (ctx.short_term_memory.get("count") or 0) + 1)
        ctx.send_event(Event(type="charged", attributes={"name": name}))

    @action("charged")
    @staticmethod
    def second(event: Event, ctx: RunnerContext) -> None:
        """Charge again, and send the output."""
        ledger = ctx.config.get_str("test.ledger")
        name = event.get_attr("name").replace("first", "second")
        ctx.send_event(
            OutputEvent(output=[ctx.durable_execute(charge, ledger, name), ctx.short_term_memory.get("count")])
        )
