"""The context of an action: upstream's RunnerContext over the state of one key.

Each attempt at an action has its own context. It can be used only during a step of the action, on
the thread that runs the step.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from threading import current_thread, get_ident
from time import perf_counter_ns
from types import MappingProxyType
from typing import Any

from flink_agents.api.events.event import Event, InputEvent
from flink_agents.api.memory.long_term_memory import BaseLongTermMemory
from flink_agents.api.memory_object import MemoryType
from flink_agents.api.metric_group import MetricGroup
from flink_agents.api.resource import Resource, ResourceType
from flink_agents.api.runner_context import RunnerContext
from flink_agents.plan.configuration import AgentConfiguration

from flink_agents_runtime.engine.calls import HAS_FUTURES, AwaitableCall, Batch, OrdinaryCall, ordinary_call
from flink_agents_runtime.engine.durable import DurableCalls, check_reconciler
from flink_agents_runtime.engine.memory import KeyMemory, Overlay
from flink_agents_runtime.engine.notes import add_note, answer_note, rule_note
from flink_agents_runtime.engine.plain_events import HAS_LINEAGE
from flink_agents_runtime.engine.reports import ReportingContext, Reports
from flink_agents_runtime.engine.sealed import SealedEvent, check_fields, sealed, sealed_plain
from flink_agents_runtime.engine.shared import SharedParts
from flink_agents_runtime.engine.state import KeyState, Task

_INPUT = InputEvent.EVENT_TYPE
# Without it the word is an argument of the called function, like any other.
_HAS_DURABLE_ID = "durable_id" in inspect.signature(RunnerContext.durable_execute).parameters


class ActionContext(RunnerContext, ReportingContext):
    """The context of one attempt at a task.

    The engine sets ``thread`` to the thread that may use the context for the duration of a step.
    ``coroutine`` and ``future``, for which the coroutine waits, belong to the engine too: they are the
    live part of an unfinished task, and a restore drops them on purpose.
    """

    # Class attributes, because most actions need none of these and then pay nothing for them.
    coroutine: Any = None
    future: Future[Any] | None = None
    submitted: Future[Any] | None = None
    _calls: DurableCalls | None = None
    _reports: Reports | None = None
    memories: Mapping[MemoryType, tuple[Overlay, KeyMemory]] = MappingProxyType({})
    thread: int | None = None
    misused: RuntimeError | None = None

    def __init__(self, engine: SharedParts, key: Any, state: KeyState, task: Task) -> None:
        self.engine = engine
        # Not public: upstream's context has no key, so an agent that reads it fails on Flink.
        self.state_key = key
        self._state = state
        self.task = task
        self.sent: list[SealedEvent] = []
        # On the clock of time.perf_counter_ns.
        self.began_ns = perf_counter_ns()

    def explain(self, error: BaseException) -> None:
        """Add the broken rule and the model's last answer to an error."""
        add_note(error, rule_note(error))
        if self._calls is not None:
            add_note(error, answer_note(self._calls.last_result))

    def running(self) -> ActionContext:
        """Return the context of the action that runs on this thread.

        On Flink all actions of a subtask share one context object, so a context that an agent kept
        acts for whichever action is running. Here it passes the call on to that action's context.
        Raises RuntimeError on any other thread; the action then fails at the end of its step, even if
        nothing reports this error, because the work it asked for was not done.
        """
        if self.thread == get_ident():
            return self
        current = self.engine.stepping
        if current is not None and current.thread == get_ident():
            running: ActionContext = current
            return running
        self.misused = RuntimeError(
            f"the context of action {self.task.action!r} was used off its thread, or after the action had ended, on the "
            f"thread {current_thread().name!r}: only the action itself may use it. "
            "A durable call or a thread must not use memory or the context; pass it values and use its result"
        )
        raise self.misused

    def commit(self) -> None:
        """Apply the memory writes of the finished action to the key's state.

        Raises the error of a misuse that nothing has reported so far.
        """
        if self.misused is not None:
            raise self.misused
        for overlay, _ in self.memories.values():
            overlay.commit()
        # A memory object refers back to this context: without the cycle it is freed at once.
        del self.memories

    @property
    def calls(self) -> DurableCalls:
        """Return the durable calls of this attempt."""
        if self._calls is None:
            self._calls = DurableCalls(self.task.calls)
        return self._calls

    def take_sent(self) -> list[SealedEvent]:
        """Return the events sent since the last call."""
        sent, self.sent = self.sent, []
        return sent

    def send_event(self, event: Event) -> None:
        """Send an event, which is processed at the action's next await or end.

        Raises TypeError for an event that cannot be written as JSON, and RuntimeError for one that
        Flink's operator would refuse.
        """
        context = self if self.thread == get_ident() else self.running()
        event_as_sent = sealed_plain(event) or _checked(event)
        if event_as_sent.type == _INPUT:
            # Flink's operator counts it as a second input of a busy key and fails the job at the end of
            # the run. Recorded as well, because the action may catch the exception.
            context.misused = RuntimeError(
                f"the action sent an event of type {_INPUT!r}, which only the engine may create: "
                "Flink's operator would fail the job; give the event a type of its own"
            )
            raise context.misused
        if HAS_LINEAGE:
            event_as_sent = event_as_sent.sent_by(context.task.event, context.task.action)
        context.sent.append(event_as_sent)

    def get_resource(self, name: str, type: ResourceType, metric_group: MetricGroup | None = None) -> Resource:  # noqa: A002 - upstream's name
        """Return the resource, bound to ``metric_group`` or the action's group.

        Raises KeyError with the nearest name if the agent has no such resource, and ResourceError if
        it cannot be created.
        """
        context = self.running()
        resource = self.engine.resources.get_resource(name, type)
        resource.set_metric_group(metric_group or context.action_metric_group)
        return resource

    @property
    def action_config(self) -> dict[str, Any] | None:
        """Return the options of this action, None if it has none."""
        action = (self.engine.stepping or self).task.action
        config: dict[str, Any] | None = self.engine.plan.get_action_config(action)
        return config

    def get_action_config_value(self, key: str) -> Any:
        """Return one option of this action, or None.

        Raises AttributeError for an action without any option, as upstream's context does.
        """
        options = self.action_config
        if options is None:
            action = (self.engine.stepping or self).task.action
            raise AttributeError(
                f"action {action!r} has no options, so {key!r} cannot be read; give it options with "
                "add_action(name, events, function, **options), or check ctx.action_config first"
            )
        return options.get(key)

    @property
    def sensory_memory(self) -> KeyMemory:
        """Return the memory of this run, which is cleared at its end."""
        return self.running().open_memory(MemoryType.SENSORY)[1]

    @property
    def short_term_memory(self) -> KeyMemory:
        """Return the memory of this key, which all its runs share."""
        return self.running().open_memory(MemoryType.SHORT_TERM)[1]

    def open_memory(self, memory_type: MemoryType) -> tuple[Overlay, KeyMemory]:
        """Return overlay and root object of one memory.

        The first call creates them.
        """
        known = self.memories.get(memory_type)
        if known is None:
            store = self._state.sensory if memory_type is MemoryType.SENSORY else self._state.short_term
            expiry = self.engine.expiry if memory_type is MemoryType.SHORT_TERM else None
            overlay = expiry.overlay(self._state) if expiry else Overlay(store)
            known = overlay, KeyMemory(memory_type, overlay, partial(self._overlay_of, memory_type))
            self.memories = {**self.memories, memory_type: known}
        return known

    def _overlay_of(self, memory_type: MemoryType) -> Overlay:
        """Return the overlay of the action that runs on this thread."""
        return self.running().open_memory(memory_type)[0]

    @property
    def long_term_memory(self) -> BaseLongTermMemory:
        """Return upstream's long-term memory for this key.

        Raises RuntimeError if it is not configured.
        """
        context = self.running()
        return self.engine.long_term_memory(context, context.state_key)

    @property
    def agent_metric_group(self) -> MetricGroup:
        """Return the metrics of the agent."""
        self.running()
        return self.engine.metrics.agent

    @property
    def action_metric_group(self) -> MetricGroup:
        """Return the metrics of this action."""
        return self.engine.metrics.action(self.running().task.action)

    @property
    def reports(self) -> Reports:
        """Return the reports of this attempt."""
        if self._reports is None:
            self._reports = Reports(self.action_metric_group)
        return self._reports

    def durable_execute(
        self,
        func: Callable[..., Any],
        *args: Any,
        reconciler: Callable[[], Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call ``func`` on this thread, or replay its recorded outcome."""
        context = self.running()
        check_reconciler(reconciler)
        call = context.calls.enter(func, args, kwargs, reconciler, _durable_id(kwargs))
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
        """Return a call that runs on the executor once it is awaited."""
        self.running()
        check_reconciler(reconciler)
        return AwaitableCall(self, func, args, kwargs, reconciler, _durable_id(kwargs))

    if HAS_FUTURES:

        def execute_async(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> OrdinaryCall:
            """Return a call that runs on the executor once it is awaited, and is not recorded."""
            return ordinary_call(self.running(), func, args, kwargs)

        def gather(self, *futures: Any) -> Batch:
            """Return several calls as one, whose result are their outcomes in order.

            Raises TypeError and ValueError for anything but different single calls of this context.
            """
            return Batch(self.running(), futures)

    @property
    def config(self) -> AgentConfiguration:
        """Return the configuration of the agent."""
        return self.engine.plan.config

    def close(self) -> None:
        """Do nothing: the engine closes the resources."""


def _durable_id(kwargs: dict[str, Any]) -> str | None:
    """Take the identity of a call from its arguments, if the installed flink-agents has one."""
    return kwargs.pop("durable_id", None) if _HAS_DURABLE_ID else None


def _checked(event: Event) -> SealedEvent:
    """Return an event that is not of plain JSON, if Flink's operator can read it."""
    if Event not in type(event).__mro__:
        raise TypeError(f"send_event takes an Event, not {type(event).__name__}")
    check_fields(event)
    try:
        return sealed(event)
    except Exception as error:
        raise TypeError(
            f"the event {event.type!r} cannot be sent because it cannot be written as JSON: {error}; "
            "events travel as JSON, as on Flink: give it JSON values or pydantic models"
        ) from error
