"""Python agents with parts in Java, for the bundled engine."""

import threading
import time
from typing import Any

from flink_agents.api.agents.agent import Agent
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.chat_models.chat_model import BaseChatModelSetup
from flink_agents.api.decorators import action
from flink_agents.api.events.chat_event import ChatRequestEvent, ChatResponseEvent
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.function import JavaFunction
from flink_agents.api.resource import ResourceDescriptor, ResourceType
from flink_agents.api.runner_context import RunnerContext
from flink_agents.api.tools.function_tool import FunctionTool


def java_tool(method: str, *types: str) -> FunctionTool:
    """Return the tool of a method of shop.Prices."""
    return FunctionTool(func=JavaFunction(qualname="shop.Prices", method_name=method, parameter_types=list(types)))


TOOLS = {
    "withTax": java_tool("withTax", "int", "java.lang.Double"),
    "echo": java_tool("echo", "java.lang.Object"),
    "classOf": java_tool("classOf", "java.lang.Object"),
    "fail": java_tool("fail", "java.lang.String"),
    "sleep": java_tool("sleep", "long"),
    "exit": java_tool("exit", "int"),
    "odd": java_tool("odd"),
    "nanos": java_tool("nanos"),
    "several": java_tool("several"),
    "halved": java_tool("halved"),
    "total": java_tool("total", "[I"),
}


class ToolAgent(Agent):
    """Calls the Java tool that its input names, and outputs the result."""

    def __init__(self) -> None:
        """Add the tools."""
        super().__init__()
        for name, tool in TOOLS.items():
            self.add_resource(name, ResourceType.TOOL, tool)

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def call(event: Event, ctx: RunnerContext) -> None:
        """Call the tool."""
        asked = InputEvent.from_event(event).input
        tool = ctx.get_resource(asked["tool"], ResourceType.TOOL)
        ctx.send_event(OutputEvent(output=tool.call(**asked["arguments"])))


UNUSABLE = {
    "unknown class": FunctionTool(func=JavaFunction(qualname="shop.Price", method_name="x", parameter_types=[])),
    "unknown method": java_tool("echo", "int"),
    "not static": java_tool("notStatic"),
    "without annotation": java_tool("withoutAnnotation", "java.lang.String"),
    "unknown class of the API": java_tool("echo", "org.apache.flink.agents.api.Nothing"),
}


def refusals(event: Event, ctx: RunnerContext) -> None:
    """Output the error of the call that the input describes."""
    asked = InputEvent.from_event(event).input
    try:
        result = ctx.get_resource(asked["tool"], ResourceType.TOOL).call(**asked["arguments"])
    except Exception as error:
        result = f"{type(error).__name__}: {error}"
    ctx.send_event(OutputEvent(output=result))


def echoes(event: Event, ctx: RunnerContext) -> None:
    """Send values of many types through Java and back."""
    from datetime import date, datetime, time, timedelta, timezone
    from decimal import Decimal

    values: list[Any] = [None, True, False, 0, -1, 2**31, -(2**63), 2**63, 2**200, 1.5, float("inf"), "", "é\U0001f600"]
    values += [b"\x00\xff", Decimal("1.10"), Decimal("1E-7"), date(2024, 2, 29), time(1, 2), time(1, 2, 3, 4)]
    values += [
        datetime(2024, 1, 1, 2, 3),
        datetime(2024, 1, 1, tzinfo=timezone.utc),
        timedelta(days=-1, microseconds=5),
    ]
    values += [datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30)))]
    values += [[], {}, [1, [2, {"a": [None, {"b": b"x"}]}]], {"a": {"b": [Decimal(1), {}]}}]
    echo = ctx.get_resource("echo", ResourceType.TOOL)
    wrong = []
    for value in values:
        returned = echo.call(value=value)
        if returned != value or type(returned) is not type(value):
            wrong.append(f"{value!r} came back as {returned!r}")
    ctx.send_event(OutputEvent(output={"values": len(values), "wrong": wrong}))


def java_kinds(event: Event, ctx: RunnerContext) -> None:
    """Output the Java classes of values."""
    from datetime import date, datetime, timezone
    from decimal import Decimal

    class_of = ctx.get_resource("classOf", ResourceType.TOOL)
    values = [True, 1, 2**63, 1.0, "x", b"x", Decimal(1), date(2024, 1, 1), datetime(2024, 1, 1), (1, 2), {"a": 1}]
    values.append(datetime(2024, 1, 1, tzinfo=timezone.utc))
    ctx.send_event(OutputEvent(output=[class_of.call(value=value) for value in values]))


def measure(event: Event, ctx: RunnerContext) -> None:
    """Call a tool many times; output what the first and a later call cost, and the memory of both processes."""
    import time
    from pathlib import Path

    def resident_mib(pid: object) -> float:
        (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    seconds = []
    began = time.perf_counter()
    tool = ctx.get_resource("withTax", ResourceType.TOOL)
    for number in range(InputEvent.from_event(event).input["calls"]):
        tool.call(amount=number, rate=0.5)
        ended = time.perf_counter()
        seconds.append(ended - began)
        began = ended
    children = [pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]
    (jvm,) = (pid for pid in children if "flinkagents.bridge" in Path(f"/proc/{pid}/cmdline").read_text())
    ctx.send_event(
        OutputEvent(
            output={
                "first_s": seconds[0],
                "median_s": sorted(seconds)[len(seconds) // 2],
                "python_mib": resident_mib("self"),
                "java_mib": resident_mib(jvm),
                "pid": int(jvm),
            }
        )
    )


def agent_of(function: Any) -> Agent:
    """Return an agent with the tools and one action."""
    agent = Agent()
    for name, tool in {**TOOLS, **UNUSABLE}.items():
        agent.add_resource(name, ResourceType.TOOL, tool)
    agent.add_action("act", [InputEvent.EVENT_TYPE], function)
    return agent


values = agent_of(echoes)
kinds = agent_of(java_kinds)
refusing = agent_of(refusals)
measuring = agent_of(measure)


def answer_count(event: Event, ctx: RunnerContext) -> None:
    """Output what Java has counted, and what it left in the memory."""
    visits = ctx.short_term_memory.get("counts.visits")
    ctx.send_event(
        OutputEvent(output={"item": event.get_attr("item"), "visits": event.get_attr("visits"), "memory": visits})
    )


def java_action(method: str) -> Agent:
    """Return an agent whose first action is a method of shop.Visits."""
    agent = Agent()
    agent.add_action("java", [InputEvent.EVENT_TYPE], JavaFunction.for_action("shop.Visits", method))
    agent.add_action("answer", ["shop.Visits$Counted"], answer_count)
    return agent


def look_at_borders(event: Event, ctx: RunnerContext) -> None:
    """Output what passes the border between the languages and what does not."""
    stubborn = ctx.get_resource("stubborn", ResourceType.CHAT_MODEL_CONNECTION)
    try:
        refused = ask_java(stubborn)
    except Exception as error:
        refused = str(error)
    found = {
        "id": event.get_attr("own") == str(event.id),
        "several": ctx.get_resource("several", ResourceType.TOOL).call(),
        "refused": refused,
        "then": ask_java(stubborn),
    }
    lazy = ctx.get_resource("lazy", ResourceType.CHAT_MODEL_CONNECTION)
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(ask_java(lazy)))
    thread.start()
    # Until Java creates a resource for the thread, and before it asks Python for the tool of that.
    time.sleep(0.5)
    ctx.get_resource("opened", ResourceType.CHAT_MODEL)
    thread.join()
    ctx.send_event(OutputEvent(output={**found, "together": answers}))


def ask_java(model: Any) -> str:
    """Return the answer of a Java chat model."""
    return str(model.chat([ChatMessage(role=MessageRole.USER, content="?")], []).content)


def border_agent() -> Agent:
    """Return an agent with resources that are hard to create."""
    agent = Agent()
    agent.add_action("name", [InputEvent.EVENT_TYPE], JavaFunction.for_action("shop.Visits", "name"))
    agent.add_action("look", ["shop.Visits$Named"], look_at_borders)
    for tool in ("several", "withTax"):
        agent.add_resource(tool, ResourceType.TOOL, TOOLS[tool])
    wrappers = "flink_agents.api.chat_models.java_chat_model.JavaChatModel"
    connections = {
        "stubborn": {"refuses": "once"},
        "lazy": {"other": "slow"},
        "slow": {"tool": "withTax"},
    }
    for name, arguments in connections.items():
        descriptor = ResourceDescriptor(clazz=f"{wrappers}Connection", java_clazz="shop.Stubborn", **arguments)
        agent.add_resource(name, ResourceType.CHAT_MODEL_CONNECTION, descriptor)
    opened = ResourceDescriptor(clazz=f"{wrappers}Setup", java_clazz="shop.Stubborn")
    agent.add_resource("opened", ResourceType.CHAT_MODEL, opened)
    return agent


bordering = border_agent()
counting = java_action("count")
answering = java_action("answer")
misusing = java_action("misuse")
unsupported = java_action("unsupported")
missing_action = java_action("counts")


class ParrotSetup(BaseChatModelSetup):
    """A Python setup over a Java connection."""

    @property
    def model_kwargs(self) -> dict[str, Any]:
        """Return one parameter."""
        return {"temperature": 0.5}


class ChatAgent(Agent):
    """Asks a Java chat model, which asks for a Java tool."""

    def __init__(self) -> None:
        """Add the resources."""
        super().__init__()
        self.add_resource("withTax", ResourceType.TOOL, TOOLS["withTax"])
        wrapper = "flink_agents.api.chat_models.java_chat_model.JavaChatModelConnection"
        parrot = ResourceDescriptor(clazz=wrapper, java_clazz="shop.Parrot", greeting="hello")
        self.add_resource("parrot", ResourceType.CHAT_MODEL_CONNECTION, parrot)
        setup = ResourceDescriptor(
            clazz=f"{__name__}.ParrotSetup", connection="parrot", model="green", tools=["withTax"]
        )
        self.add_resource("model", ResourceType.CHAT_MODEL, setup)

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def ask(event: Event, ctx: RunnerContext) -> None:
        """Ask the model."""
        text = InputEvent.from_event(event).input
        ctx.send_event(ChatRequestEvent(model="model", messages=[ChatMessage(role=MessageRole.USER, content=text)]))

    @action(ChatResponseEvent.EVENT_TYPE)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        """Output the answer."""
        ctx.send_event(OutputEvent(output=ChatResponseEvent.from_event(event).response.content))
