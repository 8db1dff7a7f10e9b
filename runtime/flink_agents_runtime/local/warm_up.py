"""A small agent that runs once before any of a user's.

A forked child shares what its parent has done: modules, patterns and schemas that are made at first use, and the
instructions that the interpreter has specialised. Without this run every child would do it again, and copy each page of
memory that it does it in.
"""

from __future__ import annotations

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

from flink_agents_runtime.config.configuration import explained
from flink_agents_runtime.local.host import LocalHost
from flink_agents_runtime.plan.as_json import written
from flink_agents_runtime.plan.build import configured, plan_of

_INPUTS = [{"key": key, "value": {"amount": 1}} for key in ("a", "b", "a")]
# The interpreter specialises the instructions of a function after eight calls.
_RUNS = 4


class _Counter(Agent):
    """Uses what most agents use: both memories and an event of its own."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def count(event: Event, ctx: RunnerContext) -> None:
        """Add one input."""
        amount = InputEvent.from_event(event).input["amount"]
        total = (ctx.short_term_memory.get("count.total") or 0) + amount
        ctx.short_term_memory.set("count.total", total)
        ctx.sensory_memory.set("amount", amount)
        ctx.send_event(Event(type="counted", attributes={"total": total}))

    @action("counted")
    @staticmethod
    def reply(event: Event, ctx: RunnerContext) -> None:
        """Send the total."""
        ctx.send_event(
            OutputEvent(output={"total": event.get_attr("total"), "amount": ctx.sensory_memory.get("amount")})
        )


def warm_up() -> None:
    """Run the agent in this process, on this thread only: a process with others must not fork."""
    for _ in range(_RUNS):
        plan = plan_of(_Counter(), configured({}, "the harness"))
        LocalHost(plan).run(_INPUTS)
        explained(plan.config)
        written(plan)
