"""The parity cases' agents once more, written for flink-agents 0.1: same names, same rules, its own API.

There an event is an instance of its class, an asynchronous action is a generator, and short-term memory is the only one.
What cannot be played on 0.1 is listed in ``not_applicable.yaml``.
"""

from __future__ import annotations

from typing import Any

from flink_agents.api.agent import Agent
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.chat_models.chat_model import BaseChatModelConnection, BaseChatModelSetup
from flink_agents.api.decorators import action, chat_model_connection, chat_model_setup, tool
from flink_agents.api.events.chat_event import ChatRequestEvent, ChatResponseEvent
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.memory_reference import MemoryRef
from flink_agents.api.resource import ResourceDescriptor
from flink_agents.api.runner_context import RunnerContext
from pydantic import BaseModel

from tests.parity.journal import did, journal_of, key_of, said, saw, until, until_both


class Keyed(Event):
    """Every event carries its key."""

    key: Any


# --- order -----------------------------------------------------------------------------------------------------------
class FromLeft(Keyed): ...


class FromRight(Keyed): ...


class Deep(Keyed): ...


class NobodyListens(Keyed): ...


class Never(Keyed): ...


class Second(Keyed):
    n: int


class Before(Keyed): ...


class After(Keyed): ...


class Tree(Agent):
    @action(InputEvent)
    @staticmethod
    def left(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, "left")
        ctx.send_event(FromLeft(key=key_of(event)))

    @action(InputEvent)
    @staticmethod
    def right(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, "right")
        ctx.send_event(FromRight(key=key_of(event)))

    @action(FromRight)
    @staticmethod
    def right_leaf(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, "right leaf")

    @action(FromLeft)
    @staticmethod
    def left_leaf(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, "left leaf")
        ctx.send_event(Deep(key=key_of(event)))

    @action(FromLeft)
    @staticmethod
    def left_leaf_too(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, "left leaf too")

    @action(Deep, FromRight)
    @staticmethod
    def two_types(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, f"two types: {'deep' if isinstance(event, Deep) else 'from_right'}")


class Unheard(Agent):
    @action(InputEvent)
    @staticmethod
    def send(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(NobodyListens(key=key_of(event)))
        ctx.send_event(OutputEvent(output={"key": key_of(event), "sent": 2}))


class Deaf(Agent):
    @action(Never)
    @staticmethod
    def never(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, "never")


class OneAtATime(Agent):
    @action(InputEvent)
    @staticmethod
    def first(event: Event, ctx: RunnerContext) -> Any:
        n = event.input["n"]
        did(ctx, event, f"first {n}")
        yield from ctx.execute_async(said, journal_of(ctx), key_of(event), f"call {n}")
        ctx.send_event(Second(key=key_of(event), n=n))

    @action(Second)
    @staticmethod
    def second(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, f"second {event.n}")
        ctx.send_event(OutputEvent(output={"key": key_of(event), "n": event.n}))


class Tail(Agent):
    @action(InputEvent)
    @staticmethod
    def a(event: Event, ctx: RunnerContext) -> Any:
        did(ctx, event, "a begins")
        yield from ctx.execute_async(until, journal_of(ctx), key_of(event), "b ends")
        did(ctx, event, "a ends")

    @action(InputEvent)
    @staticmethod
    def b(event: Event, ctx: RunnerContext) -> Any:
        did(ctx, event, "b begins")
        yield from ctx.execute_async(until, journal_of(ctx), key_of(event), "c")
        did(ctx, event, "b ends")

    @action(InputEvent)
    @staticmethod
    def c(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, "c")


class BeforeAwait(Agent):
    @action(InputEvent)
    @staticmethod
    def wait(event: Event, ctx: RunnerContext) -> Any:
        ctx.send_event(Before(key=key_of(event)))
        yield from ctx.execute_async(until, journal_of(ctx), key_of(event), "saw before")
        did(ctx, event, "went on")
        ctx.send_event(After(key=key_of(event)))

    @action(Before, After)
    @staticmethod
    def see(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, f"saw {type(event).__name__.lower()}")


class OtherKey(Agent):
    @action(InputEvent)
    @staticmethod
    def wait(event: Event, ctx: RunnerContext) -> Any:
        key = key_of(event)
        if key == "slow":
            yield from ctx.execute_async(until, journal_of(ctx), "quick", "done 2")
        did(ctx, event, f"done {event.input['n']}")
        ctx.send_event(OutputEvent(output={"key": key}))


class Lazy(Agent):
    @action(InputEvent)
    @staticmethod
    def work(event: Event, ctx: RunnerContext) -> Any:
        path, key = journal_of(ctx), key_of(event)
        one = ctx.execute_async(said, path, key, "one")
        two = ctx.execute_async(said, path, key, "two")
        did(ctx, event, "both made")
        second = yield from two
        first = yield from one
        ctx.send_event(OutputEvent(output={"key": key, "results": [second, first]}))


class Overlap(Agent):
    @action(InputEvent)
    @staticmethod
    def a(event: Event, ctx: RunnerContext) -> Any:
        result = yield from ctx.execute_async(until_both, journal_of(ctx), key_of(event), "a", "b")
        ctx.send_event(OutputEvent(output={"key": key_of(event), "call": result}))

    @action(InputEvent)
    @staticmethod
    def b(event: Event, ctx: RunnerContext) -> Any:
        yield from ctx.execute_async(until_both, journal_of(ctx), key_of(event), "b", "a")


# --- events ----------------------------------------------------------------------------------------------------------
class Order(BaseModel):
    item: str
    count: int


class Noted(Keyed):
    pair: tuple[int, int] = (1, 2)
    names: dict[Any, str]
    none: None = None


class Ordered(Keyed):
    order: Order


class Shared(Keyed):
    list: Any
    changed: bool = False


class Twin(Keyed):
    n: int


class RoundTrip(Agent):
    @action(InputEvent)
    @staticmethod
    def send(event: Event, ctx: RunnerContext) -> None:
        # Its input event has a class of its own, as every event of 0.1.
        did(ctx, event, f"input came as {'Event' if type(event) is InputEvent else type(event).__name__}")
        ctx.send_event(Noted(key=key_of(event), names={1: "one"}))

    @action(Noted)
    @staticmethod
    def receive(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, f"noted came as {type(event).__name__}, its pair as {type(event.pair).__name__}")
        ctx.send_event(
            OutputEvent(output={"key": event.key, "pair": event.pair, "names": event.names, "none": event.none})
        )


class Models(Agent):
    @action(InputEvent)
    @staticmethod
    def send(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(Ordered(key=key_of(event), order=Order(item="tea", count=2)))

    @action(Ordered)
    @staticmethod
    def receive(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, f"order came as {type(event.order).__name__}")
        ctx.send_event(OutputEvent(output={"key": key_of(event), "order": event.order}))


class OwnCopy(Agent):
    @action(InputEvent)
    @staticmethod
    def send(event: Event, ctx: RunnerContext) -> None:
        shared = [1]
        sent = Shared(key=key_of(event), list=shared)
        ctx.send_event(sent)
        shared.append(2)
        sent.changed = True

    @action(Shared)
    @staticmethod
    def change(event: Event, ctx: RunnerContext) -> None:
        event.list.append(3)
        event.changed = True
        did(ctx, event, "changed")

    @action(Shared)
    @staticmethod
    def look(event: Event, ctx: RunnerContext) -> None:
        changed = {"changed": True} if event.changed else {}
        ctx.send_event(OutputEvent(output={"key": event.key, "list": event.list, **changed}))


class Outputs(Agent):
    @action(InputEvent)
    @staticmethod
    def send(event: Event, ctx: RunnerContext) -> None:
        values: list[Any] = [1, 1.5, "text", None, True, [1, [2]], {"a": {"b": []}}, (1, 2)]
        for value in values:
            ctx.send_event(OutputEvent(output=value))


# --- memory ----------------------------------------------------------------------------------------------------------
class Written(Keyed):
    path: str = ""


class Told(Keyed): ...


class WhenFinished(Agent):
    @action(InputEvent)
    @staticmethod
    def write(event: Event, ctx: RunnerContext) -> Any:
        n = event.input["n"]
        ctx.short_term_memory.set("count", n)
        yield from ctx.execute_async(until, journal_of(ctx), key_of(event), f"looked {n}")
        saw(ctx, event, writer=ctx.short_term_memory.get("count"))
        ctx.send_event(Written(key=key_of(event)))

    @action(InputEvent)
    @staticmethod
    def look(event: Event, ctx: RunnerContext) -> None:
        saw(ctx, event, other=ctx.short_term_memory.get("count"))
        did(ctx, event, f"looked {event.input['n']}")

    @action(Written)
    @staticmethod
    def after(event: Event, ctx: RunnerContext) -> None:
        saw(ctx, event, after=ctx.short_term_memory.get("count"))


class LastFinisher(Agent):
    @action(InputEvent)
    @staticmethod
    def slow(event: Event, ctx: RunnerContext) -> Any:
        ctx.short_term_memory.set("winner", "slow")
        yield from ctx.execute_async(until, journal_of(ctx), key_of(event), "told")
        did(ctx, event, "slow is done")
        ctx.send_event(Told(key=key_of(event)))

    @action(InputEvent)
    @staticmethod
    def quick(event: Event, ctx: RunnerContext) -> None:
        ctx.short_term_memory.set("winner", "quick")
        did(ctx, event, "quick is done")
        ctx.send_event(Told(key=key_of(event)))

    @action(Told)
    @staticmethod
    def tell(event: Event, ctx: RunnerContext) -> None:
        saw(ctx, event, winner=ctx.short_term_memory.get("winner"))
        did(ctx, event, "told")


class Copies(Agent):
    @action(InputEvent)
    @staticmethod
    def change(event: Event, ctx: RunnerContext) -> None:
        value = [1]
        ctx.short_term_memory.set("list", value)
        value.append(2)
        ctx.short_term_memory.get("list").append(3)
        saw(ctx, event, list=ctx.short_term_memory.get("list"))


class Paths(Agent):
    @action(InputEvent)
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
    @action(InputEvent)
    @staticmethod
    def write(event: Event, ctx: RunnerContext) -> None:
        reference = ctx.short_term_memory.new_object("report").set("text", "long")
        ctx.send_event(Written(key=key_of(event), path=reference.path))

    @action(Written)
    @staticmethod
    def read(event: Event, ctx: RunnerContext) -> None:
        reference = MemoryRef.create(path=event.path)
        saw(ctx, event, path=reference.path, value=reference.resolve(ctx))


class TypeOfKey(Agent):
    @action(InputEvent)
    @staticmethod
    def count(event: Event, ctx: RunnerContext) -> None:
        runs = (ctx.short_term_memory.get("runs") or 0) + 1
        ctx.short_term_memory.set("runs", runs)
        ctx.send_event(OutputEvent(output={"key": key_of(event), "runs": runs}))


class WrongValue(Agent):
    @action(InputEvent)
    @staticmethod
    def write(event: Event, ctx: RunnerContext) -> None:
        ctx.short_term_memory.set("bad", {1, 2})


class ValueOverObject(Agent):
    @action(InputEvent)
    @staticmethod
    def write(event: Event, ctx: RunnerContext) -> None:
        ctx.short_term_memory.set("a.b", 1)
        ctx.short_term_memory.set("a", 2)


# --- calls, options, metrics -----------------------------------------------------------------------------------------
class LostError(Exception): ...


class Bad(Keyed):
    object: Any


class Raises(Agent):
    @action(InputEvent)
    @staticmethod
    def check(event: Event, ctx: RunnerContext) -> None:
        if event.input.get("poison"):
            raise LostError("poisoned")
        ctx.send_event(OutputEvent(output=event.input))


class NotJson(Agent):
    @action(InputEvent)
    @staticmethod
    def send(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(Bad(key=key_of(event), object=object()))


class Configured(Agent):
    def __init__(self) -> None:
        super().__init__()
        self.add_action("tell", [InputEvent], tell, limit=3, names=["a", "b"])


def tell(event: Event, ctx: RunnerContext) -> None:
    own: list[Any] = [ctx.get_action_config_value("limit"), ctx.get_action_config_value("names")]
    did(ctx, event, f"own: {own}, agent's: {ctx.config.get_str('shop.name', 'none')}")


class Metered(Agent):
    @action(InputEvent)
    @staticmethod
    def count(event: Event, ctx: RunnerContext) -> None:
        mine, agents = ctx.action_metric_group.get_counter("seen"), ctx.agent_metric_group.get_counter("seen")
        mine.inc()
        agents.inc(2)
        did(ctx, event, f"action: {mine.get_count()}, agent: {agents.get_count()}")


# --- built-in actions ------------------------------------------------------------------------------------------------
class Parrot(BaseChatModelConnection):
    _failed: int = 0

    def chat(self, messages: Any, tools: Any = None, **kwargs: Any) -> ChatMessage:
        text = messages[-1].content
        words = text.split()
        if messages[-1].role is not MessageRole.TOOL and words[0] == "tool":
            function = {"name": words[1], "arguments": {"number": int(words[2])}}
            call = {"id": "6c3c1b38-0c4b-4a8f-9a3e-3f2f6e9d2a11", "type": "function", "function": function}
            return ChatMessage(role=MessageRole.ASSISTANT, content="", tool_calls=[call])
        if words[0] == "fail" and self._failed < int(words[1]):
            self._failed += 1
            raise ConnectionError(f"busy {self._failed}")
        return ChatMessage(role=MessageRole.ASSISTANT, content=f"{text}!")


class ParrotSetup(BaseChatModelSetup):
    @property
    def model_kwargs(self) -> dict[str, Any]:
        return {}


class Talker(Agent):
    @chat_model_connection
    @staticmethod
    def cage() -> ResourceDescriptor:
        return ResourceDescriptor(clazz=Parrot)

    @chat_model_setup
    @staticmethod
    def parrot() -> ResourceDescriptor:
        return ResourceDescriptor(clazz=ParrotSetup, connection="cage", tools=["double"])

    @tool
    @staticmethod
    def double(number: int) -> int:
        """Double a number; 13 brings bad luck.

        Parameters
        ----------
        number : int
            The number.
        """
        if number == 13:
            raise ArithmeticError("bad luck")
        return number * 2

    @action(InputEvent)
    @staticmethod
    def ask(event: Event, ctx: RunnerContext) -> None:
        say = ChatMessage(role=MessageRole.USER, content=event.input["say"])
        ctx.send_event(ChatRequestEvent(model="parrot", messages=[say]))

    @action(ChatResponseEvent)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        # 0.1 never asks a model again.
        ctx.send_event(OutputEvent(output={"text": event.response.content, "retries": 0}))
