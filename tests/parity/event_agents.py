"""Agents for the rules of events: arrival, output and identity."""

from __future__ import annotations

from typing import Any

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext
from pydantic import BaseModel

from tests.parity.journal import did, key_of

INPUT = InputEvent.EVENT_TYPE


class Order(BaseModel):
    """A model that an agent puts into an event."""

    item: str
    count: int


class Noted(Event):
    """An event class defined by the agent."""

    def __init__(self, key: Any) -> None:
        super().__init__(type="noted", attributes={"key": key, "pair": (1, 2), "names": {1: "one"}, "none": None})


class RoundTrip(Agent):
    """Sends an event of its own class with values that JSON changes."""

    @action(INPUT)
    @staticmethod
    def send(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, f"input came as {type(event).__name__}")
        ctx.send_event(Noted(key_of(event)))

    @action("noted")
    @staticmethod
    def receive(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, f"noted came as {type(event).__name__}, its pair as {type(event.get_attr('pair')).__name__}")
        ctx.send_event(OutputEvent(output=event.attributes))


class Models(Agent):
    """Sends and outputs pydantic models, which become mappings."""

    @action(INPUT)
    @staticmethod
    def send(event: Event, ctx: RunnerContext) -> None:
        order = Order(item="tea", count=2)
        ctx.send_event(Event(type="ordered", attributes={"key": key_of(event), "order": order}))

    @action("ordered")
    @staticmethod
    def receive(event: Event, ctx: RunnerContext) -> None:
        arrived = event.get_attr("order")
        did(ctx, event, f"order came as {type(arrived).__name__}")
        ctx.send_event(OutputEvent(output={"key": key_of(event), "order": Order.model_validate(arrived)}))


class OwnCopy(Agent):
    """The first listener changes its event; the second one gets the event as it was sent."""

    @action(INPUT)
    @staticmethod
    def send(event: Event, ctx: RunnerContext) -> None:
        shared = [1]
        sent = Event(type="shared", attributes={"key": key_of(event), "list": shared})
        ctx.send_event(sent)
        shared.append(2)
        sent.set_attr("late", True)

    @action("shared")
    @staticmethod
    def change(event: Event, ctx: RunnerContext) -> None:
        event.get_attr("list").append(3)
        event.set_attr("changed", True)
        did(ctx, event, "changed")

    @action("shared")
    @staticmethod
    def look(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=event.attributes))


class Disguised(OutputEvent):
    """An output by class, but not by type."""

    def __init__(self, key: Any) -> None:
        Event.__init__(self, type="disguised", attributes={"key": key, "output": "by class"})


class ByType(Agent):
    """Sends an output by type only, and an event of the output class with another type."""

    @action(INPUT)
    @staticmethod
    def send(event: Event, ctx: RunnerContext) -> None:
        key = key_of(event)
        ctx.send_event(Disguised(key))
        ctx.send_event(Event(type=OutputEvent.EVENT_TYPE, attributes={"key": key, "output": "by type"}))


class Ids(Agent):
    """Compares the ids of events with equal and with different contents."""

    @action(INPUT)
    @staticmethod
    def send(event: Event, ctx: RunnerContext) -> None:
        key = key_of(event)
        same, again = (Event(type="twin", attributes={"key": key, "n": 1}) for _ in range(2))
        other = Event(type="twin", attributes={"key": key, "n": 2})
        did(ctx, event, f"equal: {same.id == again.id}, other: {same.id == other.id}")
        ctx.send_event(Event(type="told", attributes={"key": key, "id": str(same.id)}))
        ctx.send_event(same)

    @action("told")
    @staticmethod
    def keep(event: Event, ctx: RunnerContext) -> None:
        ctx.sensory_memory.set("id", event.get_attr("id"))

    @action("twin")
    @staticmethod
    def compare(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, f"arrived as sent: {ctx.sensory_memory.get('id') == str(event.id)}")


class Outputs(Agent):
    """Emits several outputs per run, one of each kind of JSON value."""

    @action(INPUT)
    @staticmethod
    def send(event: Event, ctx: RunnerContext) -> None:
        values: list[Any] = [1, 1.5, "text", None, True, [1, [2]], {"a": {"b": []}}, (1, 2)]
        for value in values:
            ctx.send_event(OutputEvent(output=value))
