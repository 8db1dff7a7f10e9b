"""Agents that await futures, and the API for it, which flink-agents 0.3 does not have.

``python future_agents.py AGENT STORE`` runs an agent with the runtime on that API and prints its outputs and the calls.
The classes have the public names that flink-agents 0.4 documents; those of its package were not run here.
"""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import dataclass
from typing import Any

from flink_agents.api import runner_context
from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


@dataclass(frozen=True)
class Outcome:
    """A value or an error."""

    value: Any = None
    error: BaseException | None = None

    @classmethod
    def success(cls, value: Any) -> Outcome:
        return cls(value)

    @classmethod
    def failure(cls, error: BaseException) -> Outcome:
        return cls(error=error)


class AsyncFuture:
    """A deferred call."""


class DurableFuture(AsyncFuture):
    """A deferred call that is recorded."""


def _with_durable_id(self, func, *args, reconciler=None, durable_id=None, **kwargs):
    raise NotImplementedError


calls: list[Any] = []
_lock = threading.Lock()
_running: set[Any] = set()
_met = threading.Event()


def noted(value: Any, *, in_company: bool = False) -> Any:
    """Return the value, ``in_company`` once two calls have run at the same time, and note the call."""
    with _lock:
        calls.append(value)
        _running.add(value)
        if len(_running) > 1:
            _met.set()
    assert not in_company or _met.wait(60), "no other call ran"
    _running.discard(value)
    if value == "bad":
        raise ValueError("bad luck")
    return value


class Gathers(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def gather(event: Event, ctx: RunnerContext) -> None:
        names = InputEvent.from_event(event).input
        futures = [
            (ctx.execute_async if name == "plain" else ctx.durable_execute_async)(noted, name, in_company=True)
            for name in names
        ]
        assert not calls, "a future makes no call before it is awaited"
        outcomes = await ctx.gather(*futures)
        again = await ctx.gather(*futures)
        assert [outcome.value for outcome in again] == [outcome.value for outcome in outcomes]
        first = await futures[0]
        said = [outcome.value if outcome.error is None else f"error: {outcome.error}" for outcome in outcomes]
        ctx.send_event(OutputEvent(output={"first": first, "outcomes": said}))


def _refusal(ctx: RunnerContext, futures: tuple[Any, ...]) -> str:
    try:
        ctx.gather(*futures)
    except (TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return "accepted"


class Misuses(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def misuse(event: Event, ctx: RunnerContext) -> None:
        one = ctx.durable_execute_async(noted, "x")
        said = [_refusal(ctx, wrong) for wrong in ((one, one), (ctx.gather(one),), ("x",))]
        ctx.send_event(OutputEvent(output=said))


class Identified(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def identify(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=ctx.durable_execute(noted, "x", durable_id="order-1")))


def main(name: str, inputs: list[Any]) -> None:
    """Run an agent on the new API, and print outputs and calls."""
    runner_context.Outcome = Outcome
    runner_context.AsyncFuture = AsyncFuture
    runner_context.DurableFuture = DurableFuture
    RunnerContext.durable_execute = _with_durable_id
    from flink_agents_runtime.local.environment import LocalEnvironment

    environment = LocalEnvironment()
    outputs = environment.from_list([{"key": "a", "value": each} for each in inputs]).apply(globals()[name]()).to_list()
    environment.execute()
    sys.stdout.write(json.dumps({"outputs": outputs, "calls": calls}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
