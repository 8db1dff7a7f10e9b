"""Agents whose runs are replayed: a correct one, and one for each way to be wrong."""

from __future__ import annotations

import mmap
import os
import random
import threading
import urllib.request
from typing import Any

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext
from numpy.random import random_sample

from flink_agents_runtime.local import replay

SEEN: list[Any] = []
BEGAN_MS = 1_700_000_000_000


def double(number: int) -> int:
    return 2 * number


def post(url: str) -> int:
    with urllib.request.urlopen(urllib.request.Request(url, b"{}", method="POST"), timeout=10) as answer:
        return int(answer.status)


class Sums(Agent):
    """Two durable calls, a second action, and a total in memory."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def take(event: Event, ctx: RunnerContext) -> None:
        number = InputEvent.from_event(event).input
        once = ctx.durable_execute(double, number)
        twice = await ctx.durable_execute_async(double, once)
        ctx.send_event(Event(type="taken", attributes={"number": twice}))

    @action("taken")
    @staticmethod
    def add(event: Event, ctx: RunnerContext) -> None:
        memory = ctx.short_term_memory
        total = (memory.get("total") or 0) + event.attributes["number"]
        memory.set("total", total)
        ctx.send_event(OutputEvent(output=total))


class SlowSums(Agent):
    """A total in memory, a second for each input, on a clock that all processes of the replay share."""

    def __init__(self) -> None:
        super().__init__()
        passed = mmap.mmap(-1, 1)

        def each_a_second_later() -> int:
            passed[0] += 1
            return BEGAN_MS + 1000 * passed[0]

        replay.wall_ms = each_a_second_later

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def add(event: Event, ctx: RunnerContext) -> None:
        total = (ctx.short_term_memory.get("total") or 0) + InputEvent.from_event(event).input
        ctx.short_term_memory.set("total", total)
        ctx.send_event(OutputEvent(output=total))


class Draws(Agent):
    """A random value outside any durable call."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def draw(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=random.random()))


class DrawsNumbers(Agent):
    """A random value of numpy, whose generator a fork copies."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def draw(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=float(random_sample())))


class Remembers(Agent):
    """A total that its process keeps instead of its memory."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def add(event: Event, ctx: RunnerContext) -> None:
        SEEN.append(InputEvent.from_event(event).input)
        ctx.send_event(OutputEvent(output=sum(SEEN)))


class Dies(Agent):
    """Dies if it runs in a process that has processed nothing."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def die(event: Event, ctx: RunnerContext) -> None:
        SEEN.append(InputEvent.from_event(event).input)
        if SEEN == [2]:
            os._exit(3)
        ctx.send_event(OutputEvent(output="alive"))


class Refuses(Agent):
    """Fails at its second input if it runs in a process that has not seen the first."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def refuse(event: Event, ctx: RunnerContext) -> None:
        SEEN.append(InputEvent.from_event(event).input)
        if SEEN == [2]:
            raise RuntimeError("the first input is missing")
        ctx.send_event(OutputEvent(output="alive"))


class Catches(Agent):
    """Catches everything that a durable call raises."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def take(event: Event, ctx: RunnerContext) -> None:
        def caught(number: int) -> Any:
            try:
                return ctx.durable_execute(double, number)
            except BaseException as error:
                return type(error).__name__

        ctx.send_event(OutputEvent(output=[caught(1), caught(2)]))


class Fails(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def fail(event: Event, ctx: RunnerContext) -> None:
        raise RuntimeError("no")


class Pays(Agent):
    """Two calls, of which the first is outside any durable call; each input is the address."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def pay(event: Event, ctx: RunnerContext) -> None:
        url = InputEvent.from_event(event).input
        post(url)
        await ctx.durable_execute_async(post, url)
        ctx.send_event(OutputEvent(output="paid"))


class Reconciles(Agent):
    """A durable call whose reconciler finds it made; each input is the address."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def pay(event: Event, ctx: RunnerContext) -> None:
        ctx.durable_execute(post, InputEvent.from_event(event).input, reconciler=lambda: 200)
        ctx.send_event(OutputEvent(output="paid"))


class Locks(Agent):
    """A durable call whose outcome cannot be pickled."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def lock(event: Event, ctx: RunnerContext) -> None:
        ctx.durable_execute(double, 1)
        ctx.durable_execute(threading.Lock)
        ctx.send_event(OutputEvent(output="locked"))
