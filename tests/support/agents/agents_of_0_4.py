"""Agents for flink-agents 0.4, whose actions may listen to conditions, and whose events have a lineage."""

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class Lineage(Agent):
    """Outputs where its second event comes from."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def first(event: Event, ctx: RunnerContext) -> None:
        """Send an event with the id of the input."""
        ctx.send_event(Event(type="second", attributes={"cause": str(event.id), "input": event.upstream_action_name}))

    @action("'second'")
    @staticmethod
    def second(event: Event, ctx: RunnerContext) -> None:
        """Output the lineage."""
        same = str(event.upstream_event_id) == event.attributes["cause"]
        lineage = {"from": event.upstream_action_name, "same": same, "input": event.attributes["input"]}
        ctx.send_event(OutputEvent(output=lineage))


class Conditional(Agent):
    """Listens to a condition."""

    @action("type == '_input_event' && attributes.input > 0")
    @staticmethod
    def positive(event: Event, ctx: RunnerContext) -> None:
        """Do nothing."""


class Remembers(Agent):
    """Listens to an event about memory."""

    @action("_short_term_write_event")
    @staticmethod
    def written(event: Event, ctx: RunnerContext) -> None:
        """Do nothing."""
