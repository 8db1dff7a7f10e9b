"""The contestants of the benchmark without Flink, and the agents that they run.

A contestant makes a run of an agent over a list of records, which returns its number of outputs. The
action of ``Plain`` reads the event's attribute, those of :mod:`bench.flink_agents_0_3`, which run on Flink too,
first make an InputEvent of it.
"""

from __future__ import annotations

import gc
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.api.runner_context import RunnerContext

from flink_agents_runtime.local.host import LocalHost
from flink_agents_runtime.plan.build import plan_of

Record = dict[str, Any]


class Plain(Agent):
    """Sends one output for each input."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def echo(event: Event, ctx: RunnerContext) -> None:
        """Send the input back."""
        ctx.send_event(OutputEvent(output=event.get_attr("input")))


class Counting(Agent):
    """Counts the inputs of each key."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def count(event: Event, ctx: RunnerContext) -> None:
        """Count the input and send it back."""
        ctx.short_term_memory.set("count", (ctx.short_term_memory.get("count") or 0) + 1)
        ctx.send_event(OutputEvent(output=event.get_attr("input")))


class Slow(Agent):
    """Makes one slow blocking call for each input, for upstream's runner."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def wait(event: Event, ctx: RunnerContext) -> None:
        """Sleep for as many seconds as the input says."""
        ctx.durable_execute(time.sleep, event.get_attr("input"))
        ctx.send_event(OutputEvent(output=None))


class Sink:
    """The part of a runner context that the action uses."""

    def __init__(self) -> None:
        self.outputs: list[Any] = []

    def send_event(self, event: Event) -> None:
        """Store the output."""
        self.outputs.append(event.get_attr("output"))


def seconds_of(run: Callable[[], int], expected: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the time of a run, which returns its number of outputs."""
    gc.collect()
    started = clock()
    outputs = run()
    elapsed = clock() - started
    if outputs != expected:
        raise SystemExit(f"{outputs} outputs where {expected} were expected")
    return elapsed


def ours(agent: type[Agent], inputs: list[Record], **options: Any) -> Callable[[], int]:
    """Return a run of the bundled engine."""
    host = LocalHost(plan_of(agent(), options))
    return lambda: len(host.run(inputs).outputs)


def upstreams(agent: type[Agent], inputs: list[Record]) -> Callable[[], int]:
    """Return a run of flink-agents' own local environment.

    An environment can be executed once.
    """
    environment = AgentsExecutionEnvironment.get_execution_environment()
    outputs = environment.from_list(inputs).apply(agent()).to_list()

    def run() -> int:
        environment.execute()
        return len(outputs)

    return run


def bare(agent: type[Agent], inputs: list[Record]) -> Callable[[], int]:
    """Return a run of the action function alone, called with new events."""
    function: Callable[[Event, Any], None] = vars(agent)["echo"].__func__

    def run() -> int:
        sink = Sink()
        for record in inputs:
            function(InputEvent(input=record["value"]), sink)
        return len(sink.outputs)

    return run


@contextmanager
def logging_off() -> Iterator[None]:
    """Disable logging."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


@contextmanager
def logging_by_default() -> Iterator[None]:
    """Keep the logging that flink-agents sets up when it is imported.

    It writes INFO and above to standard error, which is redirected to a file here.
    """
    saved = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
