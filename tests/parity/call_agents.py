"""Agents for durable calls, forbidden calls, options and metrics."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

from tests.parity.journal import did, key_of

INPUT = InputEvent.EVENT_TYPE


class LostError(Exception):
    """An exception of the agent's own."""


def double(number: int, *, plus: int = 0) -> int:
    return 2 * number + plus


def lost(text: str) -> None:
    raise LostError(text)


def never() -> int:
    raise AssertionError("a reconciler answers for calls of an attempt before this one only")


class Durable(Agent):
    """Outputs results and exceptions of calls; a new call does not run its reconciler."""

    @action(INPUT)
    @staticmethod
    def plain(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, f"plain: {ctx.durable_execute(double, 3, plus=1)}")
        did(ctx, event, f"reconciled: {ctx.durable_execute(double, 4, reconciler=never)}")
        try:
            ctx.durable_execute(lost, "gone")
        except LostError as error:
            did(ctx, event, f"plain: {type(error).__name__} {error}")

    @action(INPUT)
    @staticmethod
    async def waiting(event: Event, ctx: RunnerContext) -> None:
        result = await ctx.durable_execute_async(double, 5, plus=1)
        again = await ctx.durable_execute_async(double, 6, reconciler=never)
        try:
            await ctx.durable_execute_async(lost, "gone")
        except LostError as error:
            did(ctx, event, f"awaited: {result} {again} {type(error).__name__} {error}")


class Raises(Agent):
    """Raises if the input asks for it."""

    @action(INPUT)
    @staticmethod
    def check(event: Event, ctx: RunnerContext) -> None:
        value = InputEvent.from_event(event).input
        if value.get("poison"):
            raise LostError("poisoned")
        ctx.send_event(OutputEvent(output=value))


class Asyncio(Agent):
    """Asks for an event loop."""

    @action(INPUT)
    @staticmethod
    async def nap(event: Event, ctx: RunnerContext) -> None:
        await asyncio.sleep(0.01)


class OffThread(Agent):
    """Uses memory from a call, on the call's thread."""

    @action(INPUT)
    @staticmethod
    async def escape(event: Event, ctx: RunnerContext) -> None:
        await ctx.durable_execute_async(ctx.short_term_memory.get, "x")


class OwnThread(Agent):
    """Sends an event from a thread of its own and re-raises the error of that."""

    @action(INPUT)
    @staticmethod
    def escape(event: Event, ctx: RunnerContext) -> None:
        raised: list[Exception] = []

        def send() -> None:
            try:
                ctx.send_event(OutputEvent(output=1))
            except Exception as error:
                raised.append(error)

        thread = threading.Thread(target=send)
        thread.start()
        thread.join()
        for error in raised:
            raise error


class Yields(Agent):
    """An action that is a generator: other actions of the run go on at each yield."""

    @action(INPUT)
    @staticmethod
    def draw(event: Event, ctx: RunnerContext) -> Iterator[int]:
        did(ctx, event, "draw 1")
        yield 1
        did(ctx, event, "draw 2")

    @action(INPUT)
    @staticmethod
    def pass_by(event: Event, ctx: RunnerContext) -> None:
        did(ctx, event, "passed by")


class NotJson(Agent):
    """Sends a value that cannot be written as JSON."""

    @action(INPUT)
    @staticmethod
    def send(event: Event, ctx: RunnerContext) -> None:
        bad = Event(type="bad", attributes={"key": key_of(event)})
        bad.attributes["object"] = object()
        ctx.send_event(bad)


class Configured(Agent):
    """An action with options of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.add_action("tell", [INPUT], tell, limit=3, names=["a", "b"])


def tell(event: Event, ctx: RunnerContext) -> None:
    own: list[Any] = [ctx.get_action_config_value("limit"), ctx.get_action_config_value("names")]
    did(ctx, event, f"own: {own}, agent's: {ctx.config.get_str('shop.name', 'none')}")


class Metered(Agent):
    """Counts in both groups and reads back."""

    @action(INPUT)
    @staticmethod
    def count(event: Event, ctx: RunnerContext) -> None:
        mine, agents = ctx.action_metric_group.get_counter("seen"), ctx.agent_metric_group.get_counter("seen")
        mine.inc()
        agents.inc(2)
        did(ctx, event, f"action: {mine.get_count()}, agent: {agents.get_count()}")
