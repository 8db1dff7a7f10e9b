"""An agent that connects to other machines and ignores the error."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

# A reserved address, to which no packet finds a way.
OUTSIDE = ("192.0.2.1", 443)


def _in_socket() -> None:
    socket.create_connection(OUTSIDE, 0.2).close()


def _in_loop() -> None:
    asyncio.run(asyncio.wait_for(asyncio.open_connection(*OUTSIDE), 0.2))


def result_of(call: Callable[[], object]) -> str:
    """Return the class of the error of a call, empty without one."""
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return ""


def _in_thread() -> str:
    results: list[str] = []
    thread = threading.Thread(target=lambda: results.append(result_of(_in_socket)))
    thread.start()
    thread.join()
    return results[0]


class CallingAgent(Agent):
    """Sends the errors of three calls: from a socket, from a thread, and in an asynchronous call from an event loop."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def call(event: Event, ctx: RunnerContext) -> None:
        """Make the calls."""
        results = [result_of(_in_socket), _in_thread(), await ctx.durable_execute_async(result_of, _in_loop)]
        ctx.send_event(OutputEvent(output=results))
