"""Agents that end, disturb or fill their process. Not a test module."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from pathlib import Path

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

RUNS: list[None] = []


class Dying(Agent):
    """Ends its process in the way that its input names."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def die(event: Event, ctx: RunnerContext) -> None:
        how = InputEvent.from_event(event).input
        print("last words", flush=True)  # noqa: T201 - the test looks for it
        if how == "exit":
            os._exit(3)
        if how == "exit after an await":
            await ctx.durable_execute_async(abs, 1)
            os._exit(4)
        os.kill(os.getpid(), signal.Signals[how])
        time.sleep(30)


class Stateful(Agent):
    """Outputs how often it ran, as a class, a module and a process may remember it."""

    runs = 0

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def remember(event: Event, ctx: RunnerContext) -> None:
        Stateful.runs += 1
        RUNS.append(None)
        os.environ["RUNS"] = str(int(os.environ.get("RUNS", "0")) + 1)
        started_elsewhere = Path.cwd() != Path("/")
        os.chdir("/")
        ctx.send_event(OutputEvent(output=[Stateful.runs, len(RUNS), os.environ["RUNS"], started_elsewhere]))


class Loud(Agent):
    """Prints as many characters as its input says."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def shout(event: Event, ctx: RunnerContext) -> None:
        print("printed " + "x" * InputEvent.from_event(event).input)  # noqa: T201 - the test looks for it


class Logging(Agent):
    """Logs a warning and two errors."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def log(event: Event, ctx: RunnerContext) -> None:
        logger = logging.getLogger("shop")
        logger.warning("a warning")
        logger.error("out of stock")
        try:
            _ = 1 / 0
        except ZeroDivisionError:
            logger.exception("no price")


class Forking(Agent):
    """Leaves a process behind that holds every descriptor of its own."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def fork(event: Event, ctx: RunnerContext) -> None:
        if os.fork() == 0:
            time.sleep(5)
            os._exit(0)
        ctx.send_event(OutputEvent(output=sys.platform))


class Hanging(Agent):
    """Writes its process id to a file and hangs."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def hang(event: Event, ctx: RunnerContext) -> None:
        Path("pid").write_text(str(os.getpid()))
        time.sleep(60)
