"""Agents drawn from a seed: a graph of actions, each with its steps as options.

Durable calls are counted in CALLS.

Three kinds, for what is certain about them whatever the timing:

- ``tree``: no async call; any graph, any memory; everything about a key is determined.
- ``chain``: async calls, but only one action at a time; everything about a key is determined.
- ``web``: any graph, many async calls at once; what actions do commutes, so that all is determined but the order.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from random import Random
from typing import Any

from flink_agents.api.agents.agent import Agent
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

from flink_agents_runtime.plan.build import plan_of
from flink_agents_runtime.plan.named_plan import NamedPlan

DUMP = "tell all of your memory"
CALLS: list[str] = []


@dataclass(frozen=True)
class Drawn:
    """An agent with its inputs.

    With ``repeats`` an action may send before it awaits, and so send again after a restart.
    """

    kind: str
    actions: dict[str, tuple[str, list[list[Any]]]]
    records: list[dict[str, Any]]
    repeats: bool

    def plan(self, **options: Any) -> NamedPlan:
        """Return the agent's plan, with the action that outputs memory."""
        agent = Agent()
        for name, (event_type, steps) in self.actions.items():
            asynchronous = any(step[0] == "await" for step in steps)
            agent.add_action(name, [event_type], follow_async if asynchronous else follow, own_name=name, steps=steps)
        agent.add_action("tell", [InputEvent.EVENT_TYPE], tell, kept=list(self.actions), whole=self.kind != "web")
        return plan_of(agent, options)


def drawn(seed: int) -> Drawn:
    """Return the agent of a seed."""
    random = Random(seed)
    kind = random.choice(["tree", "chain", "web"])
    levels = random.randint(1, 4)
    repeats = kind == "web" and random.random() < 0.3
    actions = {}
    for level in range(levels):
        event_type = f"level{level}" if level else InputEvent.EVENT_TYPE
        for index in range(1 if kind == "chain" else random.randint(1, 2)):
            later = [f"level{other}" for other in range(level + 1, levels + 1)]
            actions[f"action{level}{index}"] = event_type, _steps(random, kind, later, repeats)
    keys = random.sample(["a", "b", 1, "1", True, None, 2.5, "ä\u2028", ["list"]], random.randint(1, 4))
    records = [{"key": random.choice(keys), "value": _value(random, 3)} for _ in range(random.randint(1, 8))]
    return Drawn(kind, actions, [*records, *({"key": key, "value": DUMP} for key in keys)], repeats)


def _steps(random: Random, kind: str, later: list[str], repeats: bool) -> list[list[Any]]:
    memory = [["keep"]] if kind == "web" else [["count", "sensory"], ["count", "short"], ["collect"], ["keep"]]
    work = [*memory, ["mutate"], ["call", random.randint(0, 9)], ["call", random.randint(0, 9)]]
    if kind != "tree":
        work += [["await", random.randint(0, 9)], ["await", random.randint(0, 9)]]
    send = [["send", random.choice(later)], ["output"]]
    sends = send if kind == "chain" else random.choices(send, k=random.randint(1, 3))
    steps = random.choices(work, k=random.randint(0, 5))
    if repeats:
        return random.sample([*steps, *sends], len(steps) + len(sends))
    return [*steps, *sends]


def _value(random: Random, depth: int) -> Any:
    scalars = [None, True, -1, 2**70, 0.1, 1e300, -0.0, "", 'quo"te', "ä\u2028\x00", "Rows", {"type": "row"}]
    if depth == 0 or random.random() < 0.4:
        return random.choice(scalars)
    if random.random() < 0.5:
        return [_value(random, depth - 1) for _ in range(random.randint(0, 3))]
    names = random.sample(["id", "type", "values", "ä", ""], random.randint(0, 3))
    return {name: _value(random, depth - 1) for name in names}


def called(name: str, number: int, value: Any) -> Any:
    """A durable call whose short duration depends on its arguments only."""
    text = json.dumps([name, number, value])
    time.sleep(len(text) % 3 / 10_000)
    CALLS.append(text)
    return [number, value]


async def follow_async(event: Event, ctx: RunnerContext) -> None:
    """Follow the steps."""
    value = _begun(event)
    for step in [] if value == DUMP else ctx.get_action_config_value("steps"):
        if step[0] == "await":
            value = await ctx.durable_execute_async(called, ctx.get_action_config_value("own_name"), step[1], value)
        else:
            value = _followed(step, value, event, ctx)


def follow(event: Event, ctx: RunnerContext) -> None:
    """Follow the steps."""
    value = _begun(event)
    for step in [] if value == DUMP else ctx.get_action_config_value("steps"):
        value = _followed(step, value, event, ctx)


def _begun(event: Event) -> Any:
    return event.attributes["input" if event.type == InputEvent.EVENT_TYPE else "value"]


def _storable(value: Any) -> Any:
    """Return the value with a str for 2**70, which events carry and memory refuses."""
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {name: _storable(each) for name, each in value.items()}
    return str(value) if type(value) is int and value == 2**70 else value


def _followed(step: list[Any], value: Any, event: Event, ctx: RunnerContext) -> Any:
    name = ctx.get_action_config_value("own_name")
    if step[0] == "call":
        return ctx.durable_execute(called, name, step[1], value)
    if step[0] == "count":
        memory = ctx.sensory_memory if step[1] == "sensory" else ctx.short_term_memory
        memory.set("count", (memory.get("count") or 0) + 1)
        return [memory.get("count"), value]
    if step[0] == "collect":
        ctx.short_term_memory.set("all", [*(ctx.short_term_memory.get("all") or []), _storable(value)])
    if step[0] == "keep":
        # Independent of the order and the number of calls.
        ctx.short_term_memory.set(f"kept.by.{name}", name)
    if step[0] == "mutate":
        # Neither another action of this event nor a repetition of this one may see the change.
        event.attributes["value"] = event.attributes["input"] = "spoilt"
        if isinstance(value, list):
            value.append("spoilt too")
    if step[0] == "send":
        ctx.send_event(Event(type=step[1], attributes={"value": value}))
    if step[0] == "output":
        ctx.send_event(OutputEvent(output=[name, str(event.id), value]))
    return value


def tell(event: Event, ctx: RunnerContext) -> None:
    """On the input that asks for it, output short-term memory: the values kept, and where certain all of it.

    An object's field names are not, where two actions at once add some: the later one's hold.
    """
    if _begun(event) == DUMP:
        memory = ctx.short_term_memory
        kept = [memory.get(f"kept.by.{name}") for name in ctx.get_action_config_value("kept")]
        whole = _fields(memory) if ctx.get_action_config_value("whole") else None
        ctx.send_event(OutputEvent(output=["memory", kept, whole]))


def _fields(memory: Any) -> dict[str, Any]:
    fields = memory.get_fields()
    return {name: _fields(memory.get(name)) if value == "NestedObject" else value for name, value in fields.items()}
