"""Small agents, one for each rule of the engine. What they did is in TRACE, which each test empties first."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from flink_agents.api.agents.agent import Agent
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.chat_models.chat_model import BaseChatModelConnection
from flink_agents.api.decorators import action, chat_model_connection, tool
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.resource import ResourceDescriptor, ResourceType
from flink_agents.api.runner_context import RunnerContext

INPUT = InputEvent.EVENT_TYPE
TRACE: list[Any] = []


def traced(value: Any) -> Any:
    """A call that leaves a trace and gives back what it got."""
    TRACE.append(("called", value))
    return value


def failing(text: str) -> None:
    TRACE.append(("called", text))
    raise LookupError(text)


class Echo(Agent):
    """One output for each input."""

    @action(INPUT)
    @staticmethod
    def echo(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=InputEvent.from_event(event).input))


class Tree(Agent):
    """Two actions for the input, each sends one event; the leaves write down the order."""

    @action(INPUT)
    @staticmethod
    def left(event: Event, ctx: RunnerContext) -> None:
        TRACE.append("left")
        ctx.send_event(Event(type="from_left"))

    @action(INPUT)
    @staticmethod
    def right(event: Event, ctx: RunnerContext) -> None:
        TRACE.append("right")
        ctx.send_event(Event(type="from_right"))
        ctx.send_event(Event(type="nobody_listens"))

    @action("from_right")
    @staticmethod
    def right_leaf(event: Event, ctx: RunnerContext) -> None:
        TRACE.append("right_leaf")

    @action("from_left")
    @staticmethod
    def left_leaf(event: Event, ctx: RunnerContext) -> None:
        TRACE.append("left_leaf")
        ctx.send_event(Event(type="deep"))

    @action("deep")
    @staticmethod
    def deep_leaf(event: Event, ctx: RunnerContext) -> None:
        TRACE.append("deep_leaf")


class Waiter(Agent):
    """Sends, awaits, sends; a second action runs for what was sent before the await."""

    @action(INPUT)
    @staticmethod
    async def wait(event: Event, ctx: RunnerContext) -> None:
        value = InputEvent.from_event(event).input
        TRACE.append(("begin", value))
        ctx.short_term_memory.set("starts", (ctx.short_term_memory.get("starts") or 0) + 1)
        ctx.send_event(Event(type="before", attributes={"value": value}))
        result = await ctx.durable_execute_async(traced, value)
        TRACE.append(("end", value))
        ctx.send_event(OutputEvent(output=result))

    @action("before")
    @staticmethod
    def see(event: Event, ctx: RunnerContext) -> None:
        TRACE.append(("before", event.get_attr("value")))


class TwoCalls(Agent):
    """Two async calls, one after the other."""

    @action(INPUT)
    @staticmethod
    async def work(event: Event, ctx: RunnerContext) -> None:
        TRACE.append("begin")
        first = await ctx.durable_execute_async(traced, 1)
        second = await ctx.durable_execute_async(traced, 2)
        ctx.send_event(OutputEvent(output=[first, second]))


class TwoWaiters(Agent):
    """Two async actions of one event, and a plain one between them."""

    @action(INPUT)
    @staticmethod
    async def a(event: Event, ctx: RunnerContext) -> None:
        await ctx.durable_execute_async(traced, "a")
        TRACE.append("a done")

    @action(INPUT)
    @staticmethod
    async def b(event: Event, ctx: RunnerContext) -> None:
        await ctx.durable_execute_async(traced, "b")
        TRACE.append("b done")

    @action(INPUT)
    @staticmethod
    def c(event: Event, ctx: RunnerContext) -> None:
        TRACE.append("c done")


class Payload(Agent):
    """Sends what JSON changes, and tells what arrived."""

    @action(INPUT)
    @staticmethod
    def send(event: Event, ctx: RunnerContext) -> None:
        TRACE.append(type(event))
        ctx.send_event(Event(type="payload", attributes={"pair": (1, 2), "named": {1: "one"}}))

    @action("payload")
    @staticmethod
    def receive(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(Event(type="_output_event", attributes={"output": event.attributes}))


class ImpostorEvent(OutputEvent):
    """An OutputEvent by class, but not by type."""

    def __init__(self, output: Any) -> None:
        Event.__init__(self, type="impostor", attributes={"output": output})


class Impostor(Agent):
    @action(INPUT)
    @staticmethod
    def send(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(ImpostorEvent("by class"))


class Deaf(Agent):
    """Listens to nothing that an input brings."""

    @action("never")
    @staticmethod
    def never(event: Event, ctx: RunnerContext) -> None:
        TRACE.append("never")


class Remembering(Agent):
    """Two actions of one run share sensory memory; counts runs in short-term memory."""

    @action(INPUT)
    @staticmethod
    def write(event: Event, ctx: RunnerContext) -> None:
        TRACE.append(ctx.sensory_memory.get("seen"))
        ctx.sensory_memory.set("seen", InputEvent.from_event(event).input)
        ctx.short_term_memory.set("runs", (ctx.short_term_memory.get("runs") or 0) + 1)
        ctx.send_event(Event(type="written"))

    @action("written")
    @staticmethod
    def read(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=[ctx.sensory_memory.get("seen"), ctx.short_term_memory.get("runs")]))


class Counting(Agent):
    """An async action that counts in memory before it awaits, beside a plain one that reads the count."""

    @action(INPUT)
    @staticmethod
    async def count(event: Event, ctx: RunnerContext) -> None:
        ctx.short_term_memory.set("count", (ctx.short_term_memory.get("count") or 0) + 1)
        await ctx.durable_execute_async(traced, "count")
        ctx.send_event(OutputEvent(output=ctx.short_term_memory.get("count")))

    @action(INPUT)
    @staticmethod
    def peek(event: Event, ctx: RunnerContext) -> None:
        TRACE.append(("peek", ctx.short_term_memory.get("count")))


class Wrong(Agent):
    """Does what the input says, all of it wrong."""

    @action(INPUT)
    @staticmethod
    def do(event: Event, ctx: RunnerContext) -> Any:
        how = InputEvent.from_event(event).input
        if how == "raise":
            raise ZeroDivisionError("no way")
        if how == "exit":
            raise SystemExit(3)
        if how == "not json":
            bad = Event(type="bad")
            bad.set_attr("lock", threading.Lock())
            ctx.send_event(bad)
        if how == "no event":
            ctx.send_event({"type": "dict"})
        if how == "no output":
            ctx.send_event(Event(type="_output_event"))
        if how == "not awaited":
            return ctx.durable_execute_async(traced, 1)
        if how == "missing resource":
            ctx.get_resource("nowhere", ResourceType.TOOL)
        if how == "long-term memory":
            ctx.long_term_memory.get_memory_set("x")
        if how == "reconciler":
            ctx.durable_execute(traced, 1, reconciler=lambda needed: needed)
        return None


class Asyncio(Agent):
    """Asks for an event loop, in the way the input says."""

    @action(INPUT)
    @staticmethod
    async def ask(event: Event, ctx: RunnerContext) -> None:
        how = InputEvent.from_event(event).input
        if how == "sleep":
            await asyncio.sleep(0.01)
        if how == "task":
            nap = asyncio.sleep(0)
            try:
                asyncio.create_task(nap)  # noqa: RUF006
            finally:
                nap.close()
        if how == "future":
            loop = asyncio.new_event_loop()
            try:
                await loop.create_future()
            finally:
                loop.close()
        if how == "pass":
            await asyncio.sleep(0)
            ctx.send_event(OutputEvent(output="passed"))


class Escaping(Agent):
    """Uses its context from a call on another thread, or keeps it for later."""

    @action(INPUT)
    @staticmethod
    async def escape(event: Event, ctx: RunnerContext) -> None:
        TRACE.append(ctx)
        memory = ctx.short_term_memory
        how = InputEvent.from_event(event).input
        if how == "memory":
            await ctx.durable_execute_async(memory.get, "x")
        if how == "event":
            await ctx.durable_execute_async(ctx.send_event, OutputEvent(output=1))


class Durable(Agent):
    """Plain durable calls; the failing one is caught."""

    @action(INPUT)
    @staticmethod
    def call(event: Event, ctx: RunnerContext) -> None:
        value = ctx.durable_execute(traced, 7)
        try:
            ctx.durable_execute(failing, "lost")
        except LookupError as error:
            ctx.send_event(OutputEvent(output=[value, str(error)]))


class Metered(Agent):
    @action(INPUT)
    @staticmethod
    def measure(event: Event, ctx: RunnerContext) -> None:
        ctx.agent_metric_group.get_counter("mine").inc(2)
        ctx.action_metric_group.get_gauge("level").update(0.5)
        ctx.action_metric_group.get_sub_group("model", "m=1").get_counter("calls").inc()
        ctx.action_metric_group.get_histogram("size").update(4)


class Configured(Agent):
    """Tells its own options and one of the agent's."""

    def __init__(self) -> None:
        super().__init__()
        self.add_action("tell", [INPUT], tell, limit=3)


def tell(event: Event, ctx: RunnerContext) -> None:
    option = [ctx.action_config, ctx.get_action_config_value("limit"), ctx.get_action_config_value("none")]
    ctx.send_event(OutputEvent(output=[*option, ctx.config.get_int("max-retries", 0)]))


class Slow(Agent):
    """An async call of so many seconds as the input says."""

    @action(INPUT)
    @staticmethod
    async def sleep(event: Event, ctx: RunnerContext) -> None:
        seconds = InputEvent.from_event(event).input
        await ctx.durable_execute_async(time.sleep, seconds)
        ctx.send_event(OutputEvent(output=seconds))


class Meeting(Agent):
    """An async call that returns once as many of them run as MEETING wants."""

    @action(INPUT)
    @staticmethod
    async def meet(event: Event, ctx: RunnerContext) -> None:
        await ctx.durable_execute_async(lambda: MEETING[-1].wait() >= 0)
        ctx.send_event(OutputEvent(output=InputEvent.from_event(event).input))


MEETING: list[threading.Barrier] = []


class Gated(Agent):
    """An async call for each input; that of "wait" ends when RELEASE is set."""

    @action(INPUT)
    @staticmethod
    async def sleep(event: Event, ctx: RunnerContext) -> None:
        value = InputEvent.from_event(event).input
        await ctx.durable_execute_async(lambda: value != "wait" or RELEASE.wait(60))
        ctx.send_event(OutputEvent(output=value))


class Stuck(Agent):
    """Blocks in the action itself until RELEASE is set."""

    @action(INPUT)
    @staticmethod
    def hang(event: Event, ctx: RunnerContext) -> None:
        RELEASE.wait(30)


RELEASE = threading.Event()


class FailsOnTwo(Agent):
    @action(INPUT)
    @staticmethod
    def check(event: Event, ctx: RunnerContext) -> None:
        value = InputEvent.from_event(event).input
        print("an agent's print")  # noqa: T201 - what agents do
        if value == 2:
            raise ValueError("two")
        ctx.send_event(OutputEvent(output=value))


class Tooled(Agent):
    """Declares a tool."""

    @tool
    @staticmethod
    def double(number: int) -> int:
        """Double a number.

        Parameters
        ----------
        number : int
            The number.
        """
        return number * 2


class Connected(Agent):
    """Declares a connection of its own, and tells which class it got."""

    @chat_model_connection
    @staticmethod
    def server() -> ResourceDescriptor:
        return ResourceDescriptor(clazz="runtime_agents.ScriptedConnection", name_of_server="its own")

    @action(INPUT)
    @staticmethod
    def name(event: Event, ctx: RunnerContext) -> None:
        group = ctx.agent_metric_group if InputEvent.from_event(event).input == "the agent's group" else None
        connection = ctx.get_resource("server", ResourceType.CHAT_MODEL_CONNECTION, group)
        ctx.send_event(OutputEvent(output=connection.name_of_server))


class Needy(Agent):
    """Cannot be made without an argument."""

    def __init__(self, needed: str) -> None:
        super().__init__()


needy = Needy("an object is a name too")


class NoAgent:
    """Not an agent at all."""


class ScriptedConnection(BaseChatModelConnection):
    """A model server without a network: one tool call for a shipping complaint, then a score."""

    name_of_server: str = "scripted"

    def chat(self, messages: Any, tools: Any = None, **kwargs: Any) -> ChatMessage:
        usage = {"model_name": kwargs["model"], "promptTokens": 41, "completionTokens": 9}
        if messages[-1].role is not MessageRole.TOOL and "shipping" in messages[-1].content + messages[-2].content:
            function = {"name": "notify_shipping_manager", "arguments": {"id": "p-1", "review": "late"}}
            call = {"id": "c-1", "type": "function", "function": function}
            return ChatMessage(role=MessageRole.ASSISTANT, tool_calls=[call], extra_args=usage)
        score = '{"id": "p-1", "score": 2, "reasons": ["shipping"]}'
        return ChatMessage(role=MessageRole.ASSISTANT, content=score, extra_args=usage)


class Obeying(Agent):
    """Does to its short-term memory what the input lists, and tells what it read."""

    @action(INPUT)
    @staticmethod
    def obey(event: Event, ctx: RunnerContext) -> None:
        seen = []
        for what, path, *value in InputEvent.from_event(event).input:
            if what == "set":
                ctx.short_term_memory.set(path, *value)
            elif what == "get":
                seen.append(ctx.short_term_memory.get(path))
            elif what == "has":
                seen.append(ctx.short_term_memory.is_exist(path))
            else:
                seen.append(ctx.short_term_memory.get(path).get_field_names())
        ctx.send_event(OutputEvent(output=seen))
