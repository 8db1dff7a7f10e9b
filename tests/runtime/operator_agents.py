"""Small agents that upstream's operator fails, and others that it accepts: each use is chosen by its name."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.memory_reference import MemoryRef
from flink_agents.api.runner_context import RunnerContext
from pyflink.common import Row

INPUT = InputEvent.EVENT_TYPE
KEPT: list[Any] = []


class Priced(Event):
    """An event class with a field of its own."""

    price: int = 3


class Using(Agent):
    """Does what the input names, and ignores a result that is no suspension point."""

    @action(INPUT)
    @staticmethod
    def use(event: Event, ctx: RunnerContext) -> Any:
        return USES[InputEvent.from_event(event).input](ctx)


class Catching(Agent):
    """Does what the input names, and catches whatever that raises."""

    @action(INPUT)
    @staticmethod
    def use(event: Event, ctx: RunnerContext) -> None:
        try:
            USES[InputEvent.from_event(event).input](ctx)
        except Exception as error:
            KEPT.append(error)


def sent(ctx: RunnerContext, event_type: str, **fields: Any) -> None:
    ctx.send_event(Event(type=event_type, attributes={"output": 1}, **fields))


USES: dict[str, Any] = {
    "key": lambda ctx: KEPT.append(ctx.key),
    "extra property": lambda ctx: sent(ctx, "told", note="n"),
    "extra property of an output": lambda ctx: sent(ctx, "_output_event", note="n"),
    "field of a subclass": lambda ctx: ctx.send_event(Priced(type="told")),
    "source time stamp": lambda ctx: sent(ctx, "told", sourceTimestamp=5),
    "empty type": lambda ctx: sent(ctx, ""),
    "input event": lambda ctx: ctx.send_event(InputEvent(input=2)),
    "event of the input's type": lambda ctx: sent(ctx, INPUT),
    "int result": lambda ctx: 1,
    "event as result": lambda ctx: OutputEvent(output=1),
    "int beyond 64 bits": lambda ctx: ctx.short_term_memory.set("n", 2**63) and None,
    "int beyond 64 bits in a list": lambda ctx: ctx.sensory_memory.set("n", {"a": [-(2**63) - 1]}) and None,
    "largest int": lambda ctx: ctx.short_term_memory.set("n", [2**63 - 1, -(2**63)]) and None,
    "path a.": lambda ctx: ctx.short_term_memory.set("a.", 1) and None,
    "path .": lambda ctx: ctx.short_term_memory.set(".", 1) and None,
    "path ..": lambda ctx: ctx.short_term_memory.new_object("..") and None,
    "empty path below an object": lambda ctx: ctx.short_term_memory.new_object("a").set("", 1) and None,
    "float in a histogram": lambda ctx: ctx.action_metric_group.get_histogram("h").update(1.5),
    "no options": lambda ctx: ctx.get_action_config_value("limit"),
}


class Referring(Agent):
    """Sends references to memory in events, as mappings by the time they arrive."""

    @action(INPUT)
    @staticmethod
    def write(event: Event, ctx: RunnerContext) -> None:
        memory = ctx.short_term_memory
        reference = memory.set("report.text", "long")
        memory.set("report.report.text", "nested")
        ctx.send_event(Event(type="written", attributes={"ref": reference}))

    @action("written")
    @staticmethod
    def read(event: Event, ctx: RunnerContext) -> None:
        memory = ctx.short_term_memory
        reference = MemoryRef(path="report.text")
        ctx.send_event(
            OutputEvent(
                output={
                    "by mapping": memory.get(event.get_attr("ref")),
                    "nested": memory.get("report").get(reference),
                    "nested by mapping": memory.get("report").get({"path": "text"}),
                    "none": memory.get("report").get(MemoryRef(path="nothing")),
                }
            )
        )


class Rows(Agent):
    """Sends a row with field names, rows without them, and a mapping that looks like a row but is none."""

    @action(INPUT)
    @staticmethod
    def send(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=Row(id="p", score=2)))
        ctx.send_event(OutputEvent(output={"rows": [Row(1, "x")], "other": {"type": "Row"}}))


class Yielding(Agent):
    """A generator beside a plain action: each yield lets the other one run."""

    @action(INPUT)
    @staticmethod
    def generate(event: Event, ctx: RunnerContext) -> Generator[object, None, str]:
        ctx.send_event(Event(type="step", attributes={"n": 1}))
        yield "ignored"
        ctx.send_event(Event(type="step", attributes={"n": 2}))
        yield
        ctx.send_event(OutputEvent(output="done"))
        return "ignored"

    @action("step")
    @staticmethod
    def step(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=event.get_attr("n")))


class Keeping(Agent):
    """Keeps context and memory of its first action, and uses them in the second one."""

    @action(INPUT)
    @staticmethod
    def keep(event: Event, ctx: RunnerContext) -> None:
        ctx.short_term_memory.set("n", (ctx.short_term_memory.get("n") or 0) + 1)
        KEPT[:] = [ctx, ctx.short_term_memory, ctx.durable_execute_async(int, "7")]
        ctx.send_event(Event(type="kept", attributes={"input": InputEvent.from_event(event).input}))

    @action("kept")
    @staticmethod
    async def use(event: Event, ctx: RunnerContext) -> None:
        kept, memory, call = KEPT
        if event.get_attr("input") == "write":
            memory.set("n", 5)
        ctx.short_term_memory.set("mine", "of use")
        awaited = await call
        kept.action_metric_group.get_counter("kept").inc()
        kept.send_event(OutputEvent(output=[memory.get("n"), kept.short_term_memory.get("mine"), awaited]))
