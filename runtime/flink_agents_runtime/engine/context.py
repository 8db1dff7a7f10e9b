"""What an action sees of its runtime: upstream's RunnerContext over the state of one key.

One context per attempt at an action, usable only on the thread that runs a step of that action, and only during it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Mapping
from concurrent.futures import Future
from threading import current_thread, get_ident
from time import perf_counter_ns
from types import MappingProxyType
from typing import Any

from flink_agents.api.events.event import Event
from flink_agents.api.memory.long_term_memory import BaseLongTermMemory
from flink_agents.api.memory_object import MemoryType
from flink_agents.api.metric_group import MetricGroup
from flink_agents.api.resource import Resource, ResourceType
from flink_agents.api.runner_context import AsyncExecutionResult, RunnerContext
from flink_agents.plan.configuration import AgentConfiguration

from flink_agents_runtime.engine.durable import DurableCalls, check_reconciler
from flink_agents_runtime.engine.memory import KeyMemory, Overlay
from flink_agents_runtime.engine.notes import add_note, answer_note, rule_note
from flink_agents_runtime.engine.sealed import SealedEvent, sealed
from flink_agents_runtime.engine.shared import SharedParts
from flink_agents_runtime.engine.state import KeyState, Task


class AwaitableCall(AsyncExecutionResult):
    """An asynchronous durable call. It is submitted when it is awaited, and yields its future to the engine."""

    def __init__(
        self,
        context: ActionContext,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        reconciler: Callable[[], Any] | None,
    ) -> None:
        self._context = context
        self._call = (func, args, kwargs, reconciler)

    def __await__(self) -> Generator[Future[Any], None, Any]:
        context = self._context
        context.check()
        call = context.calls.enter(*self._call)
        if call.run is None:
            return call.replay()
        future: Future[Any] = context.engine.executor.submit(call.run)
        # Not future.done(): however quick a call was, it is the host that says when it may be seen to be done.
        while not context.engine.is_done(future):
            yield future
        error = future.exception()
        call.finish(None if error else future.result(), error)
        return future.result()


class ActionContext(RunnerContext):
    """The context of one attempt at a task, from its first line to its last.

    ``thread``, the one that may use it, is set by the engine for the time of a step. ``coroutine`` and ``future``, which
    it waits for, are the engine's too: the live side of an unfinished task, lost in a restore on purpose.
    """

    # What most actions never need stands here, and costs them nothing.
    coroutine: Coroutine[Any, None, Any] | None = None
    future: Future[Any] | None = None
    _calls: DurableCalls | None = None
    memories: Mapping[MemoryType, tuple[Overlay, KeyMemory]] = MappingProxyType({})
    thread: int | None = None
    misused: RuntimeError | None = None

    def __init__(self, engine: SharedParts, key: Any, state: KeyState, task: Task) -> None:
        self.engine = engine
        self._key = key
        self._state = state
        self._task = task
        self._sent: list[SealedEvent] = []
        # On the clock of time.perf_counter_ns.
        self.began_ns = perf_counter_ns()

    def explain(self, error: BaseException) -> None:
        """Add to an error that the action raised which rule it is about, and what the action had been answered last."""
        add_note(error, rule_note(error))
        if self._calls is not None:
            add_note(error, answer_note(self._calls.last_result))

    def check(self) -> None:
        """Raises RuntimeError unless this thread runs a step of this action."""
        if self.thread != get_ident():
            self.misused = RuntimeError(
                f"the context of action {self._task.action!r} was used off its thread, or after the action had ended, on the "
                f"thread {current_thread().name!r}: only the action itself may use it. "
                "A durable call or a thread must not use memory or the context; give it values and use what it returns"
            )
            raise self.misused

    def commit(self) -> None:
        """Hand the writes to ``memories``, if there are any, to the key's state; the action has ended and sees none any more.

        Raises what :meth:`check` raised where nobody heard of it: what was meant to be done then has not been done.
        """
        if self.misused is not None:
            raise self.misused
        for overlay, _ in self.memories.values():
            overlay.commit()
        # What it sees leads back here: without this ring, memory is free at once.
        del self.memories

    @property
    def calls(self) -> DurableCalls:
        """The durable calls of this attempt."""
        if self._calls is None:
            self._calls = DurableCalls(self._task.calls)
        return self._calls

    def take_sent(self) -> list[SealedEvent]:
        """The events sent since the last time."""
        sent, self._sent = self._sent, []
        return sent

    @property
    def key(self) -> Any:
        """The business key."""
        return self._key

    def send_event(self, event: Event) -> None:
        """Send an event; it is processed when the action ends or next awaits. Raises TypeError for what is not JSON."""
        self.check()
        if Event not in type(event).__mro__:
            raise TypeError(f"send_event wants an Event, not {type(event).__name__}")
        try:
            self._sent.append(sealed(event))
        except Exception as error:
            raise TypeError(
                f"the event {event.type!r} cannot be sent, it does not turn into JSON: {error}; "
                "events travel as JSON, as on Flink: give it JSON values or pydantic models"
            ) from error

    def get_resource(self, name: str, type: ResourceType, metric_group: MetricGroup | None = None) -> Resource:  # noqa: A002 - upstream's name
        """The resource, bound to ``metric_group`` or else to the action's own.

        Raises KeyError if there is none, with the nearest name, and ResourceError for one that cannot be made.
        """
        self.check()
        resource = self.engine.resources.get_resource(name, type)
        resource.set_metric_group(metric_group or self.action_metric_group)
        return resource

    @property
    def action_config(self) -> dict[str, Any] | None:
        """The options given to this action."""
        config: dict[str, Any] | None = self.engine.plan.get_action_config(self._task.action)
        return config

    def get_action_config_value(self, key: str) -> Any:
        """One option given to this action, None where it is not set."""
        return (self.action_config or {}).get(key)

    @property
    def sensory_memory(self) -> KeyMemory:
        """Memory of this run: cleared when the run ends."""
        return self._memory(MemoryType.SENSORY, self._state.sensory)

    @property
    def short_term_memory(self) -> KeyMemory:
        """Memory of this key over all runs."""
        return self._memory(MemoryType.SHORT_TERM, self._state.short_term)

    def _memory(self, memory_type: MemoryType, store: dict[str, Any]) -> KeyMemory:
        self.check()
        known = self.memories.get(memory_type)
        if known is None:
            expiry = self.engine.expiry if memory_type is MemoryType.SHORT_TERM else None
            overlay = expiry.overlay(self._state) if expiry else Overlay(store)
            known = overlay, KeyMemory(memory_type, overlay, self.check)
            self.memories = {**self.memories, memory_type: known}
        return known[1]

    @property
    def long_term_memory(self) -> BaseLongTermMemory:
        """Upstream's long-term memory, switched to this key. Raises RuntimeError where it is not configured."""
        self.check()
        return self.engine.long_term_memory(self, self._key)

    @property
    def agent_metric_group(self) -> MetricGroup:
        """The metrics of the agent."""
        self.check()
        return self.engine.metrics.agent

    @property
    def action_metric_group(self) -> MetricGroup:
        """The metrics of this action."""
        self.check()
        return self.engine.metrics.action(self._task.action)

    def durable_execute(
        self,
        func: Callable[..., Any],
        *args: Any,
        reconciler: Callable[[], Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run ``func`` here and now, or replay its recorded outcome."""
        self.check()
        check_reconciler(reconciler)
        call = self.calls.enter(func, args, kwargs, reconciler)
        if call.run is None:
            return call.replay()
        try:
            result = call.run()
        except Exception as error:
            call.finish(None, error)
            raise
        call.finish(result, None)
        return result

    def durable_execute_async(
        self,
        func: Callable[..., Any],
        *args: Any,
        reconciler: Callable[[], Any] | None = None,
        **kwargs: Any,
    ) -> AwaitableCall:
        """The same on the engine's executor, once the result is awaited; other actions run meanwhile."""
        self.check()
        check_reconciler(reconciler)
        return AwaitableCall(self, func, args, kwargs, reconciler)

    @property
    def config(self) -> AgentConfiguration:
        """The configuration of the agent."""
        return self.engine.plan.config

    def close(self) -> None:
        """Nothing: what a context uses belongs to its engine."""
