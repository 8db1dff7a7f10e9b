"""Agents for the rules of memory: lifetime, visibility of writes, and values."""

from __future__ import annotations

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.memory_object import MemoryType
from flink_agents.api.memory_reference import MemoryRef
from flink_agents.api.runner_context import RunnerContext

from tests.parity.journal import did, journal_of, key_of, saw, until
from tests.parity.order_agents import number

INPUT = InputEvent.EVENT_TYPE


class Lifetimes(Agent):
    """Counts in sensory memory, which lasts for a run, and in short-term memory, which stays."""

    @action(INPUT)
    @staticmethod
    def write(event: Event, ctx: RunnerContext) -> None:
        saw(ctx, event, sensory=ctx.sensory_memory.get("n"), runs=ctx.short_term_memory.get("runs"))
        ctx.sensory_memory.set("n", number(event))
        ctx.short_term_memory.set("runs", (ctx.short_term_memory.get("runs") or 0) + 1)
        ctx.send_event(Event(type="written", attributes={"key": key_of(event)}))

    @action("written")
    @staticmethod
    def read(event: Event, ctx: RunnerContext) -> None:
        saw(ctx, event, sensory=ctx.sensory_memory.get("n"), runs=ctx.short_term_memory.get("runs"))


class WhenFinished(Agent):
    """Reads a write in the same action, and in others before and after the action has finished."""

    @action(INPUT)
    @staticmethod
    async def write(event: Event, ctx: RunnerContext) -> None:
        ctx.short_term_memory.set("count", number(event))
        await ctx.durable_execute_async(until, journal_of(ctx), key_of(event), f"looked {number(event)}")
        saw(ctx, event, writer=ctx.short_term_memory.get("count"))
        ctx.send_event(Event(type="written", attributes={"key": key_of(event)}))

    @action(INPUT)
    @staticmethod
    def look(event: Event, ctx: RunnerContext) -> None:
        saw(ctx, event, other=ctx.short_term_memory.get("count"))
        did(ctx, event, f"looked {number(event)}")

    @action("written")
    @staticmethod
    def after(event: Event, ctx: RunnerContext) -> None:
        saw(ctx, event, after=ctx.short_term_memory.get("count"))


class LastFinisher(Agent):
    """Two unfinished actions write one path; the last to finish wins."""

    @action(INPUT)
    @staticmethod
    async def slow(event: Event, ctx: RunnerContext) -> None:
        ctx.short_term_memory.set("winner", "slow")
        # Not until quick is done: the action that quick triggers is queued behind this one, and might find it done as well.
        await ctx.durable_execute_async(until, journal_of(ctx), key_of(event), "told")
        did(ctx, event, "slow is done")
        ctx.send_event(Event(type="told", attributes={"key": key_of(event)}))

    @action(INPUT)
    @staticmethod
    def quick(event: Event, ctx: RunnerContext) -> None:
        ctx.short_term_memory.set("winner", "quick")
        did(ctx, event, "quick is done")
        ctx.send_event(Event(type="told", attributes={"key": key_of(event)}))

    @action("told")
    @staticmethod
    def tell(event: Event, ctx: RunnerContext) -> None:
        saw(ctx, event, winner=ctx.short_term_memory.get("winner"))
        did(ctx, event, "told")


class Copies(Agent):
    """Changes values after set and after get; memory does not see it."""

    @action(INPUT)
    @staticmethod
    def change(event: Event, ctx: RunnerContext) -> None:
        value = [1]
        ctx.short_term_memory.set("list", value)
        value.append(2)
        ctx.short_term_memory.get("list").append(3)
        saw(ctx, event, list=ctx.short_term_memory.get("list"))


class Paths(Agent):
    """Sets nested paths, which create objects, and lists their fields."""

    @action(INPUT)
    @staticmethod
    def build(event: Event, ctx: RunnerContext) -> None:
        memory = ctx.short_term_memory
        memory.set("customer.address.city", "Rome")
        customer = memory.get("customer")
        customer.set("name", "Ada")
        memory.new_object("customer.orders").set("last", {"item": "tea", "price": 1.5, "paid": None})
        saw(
            ctx,
            event,
            names=sorted(customer.get_field_names()),
            fields=customer.get_fields(),
            city=memory.get("customer").get("address").get("city"),
            by_path=memory.get("customer.orders.last"),
            there=[memory.is_exist("customer.address"), memory.is_exist("customer.phone")],
            nothing=memory.get("customer.phone"),
        )


class References(Agent):
    """The path of a reference travels in an event and leads back to the value.

    The reference itself does not come back from JSON: upstream's memory types serialise to lists, and are not read so.
    """

    @action(INPUT)
    @staticmethod
    def write(event: Event, ctx: RunnerContext) -> None:
        reference = ctx.sensory_memory.new_object("report").set("text", "long")
        ctx.send_event(Event(type="written", attributes={"key": key_of(event), "path": reference.path}))

    @action("written")
    @staticmethod
    def read(event: Event, ctx: RunnerContext) -> None:
        reference = MemoryRef.create(memory_type=MemoryType.SENSORY, path=event.get_attr("path"))
        saw(ctx, event, path=reference.path, value=reference.resolve(ctx))


class TypeOfKey(Agent):
    """Counts per key, for keys that differ in type only."""

    @action(INPUT)
    @staticmethod
    def count(event: Event, ctx: RunnerContext) -> None:
        runs = (ctx.short_term_memory.get("runs") or 0) + 1
        ctx.short_term_memory.set("runs", runs)
        ctx.send_event(OutputEvent(output={"key": key_of(event), "runs": runs}))


class WrongValue(Agent):
    """Memory takes JSON-like values only."""

    @action(INPUT)
    @staticmethod
    def write(event: Event, ctx: RunnerContext) -> None:
        ctx.short_term_memory.set("bad", {1, 2})


class ValueOverObject(Agent):
    """A value does not replace an object."""

    @action(INPUT)
    @staticmethod
    def write(event: Event, ctx: RunnerContext) -> None:
        ctx.short_term_memory.set("a.b", 1)
        ctx.short_term_memory.set("a", 2)


class FailedWrite(Agent):
    """Raises for its second input after a write."""

    @action(INPUT)
    @staticmethod
    def write(event: Event, ctx: RunnerContext) -> None:
        saw(ctx, event, n=ctx.short_term_memory.get("n"))
        ctx.short_term_memory.set("n", number(event))
        if number(event) == 2:
            raise ValueError("two is too many")
