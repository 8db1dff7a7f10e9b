"""The run loop of one key.

A key processes one input at a time; the actions that it triggers run first in, first out, and an
unfinished action goes back to the tail. The loop never blocks and never polls. It skips a task whose
async call is not done; Flink's operator resumes such a task and requeues it, which gives the same
order.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from enum import Enum
from threading import current_thread, get_ident, main_thread
from time import perf_counter_ns
from typing import Any

from flink_agents.api.events.event import OutputEvent
from flink_agents.api.events.tool_event import ToolRequestEvent
from flink_agents.plan.function import _ASYNCIO_ERROR_MESSAGE

from flink_agents_runtime.config.catalogue import RUN_EVENTS, TOOL_ROUNDS
from flink_agents_runtime.engine.calls import ASYNC_CALL
from flink_agents_runtime.engine.cause import Cause, set_cause
from flink_agents_runtime.engine.context import ActionContext
from flink_agents_runtime.engine.event_text import without_rows
from flink_agents_runtime.engine.failure import ActionFailure, text_of
from flink_agents_runtime.engine.sealed import SealedEvent, sealed_input
from flink_agents_runtime.engine.shared import SharedParts
from flink_agents_runtime.engine.state import Input, KeyState, Task

Emit = Callable[[Any, int | None], None]
# Looked up once: an attribute of an enumeration or of a pydantic class costs as much as a call.
_OUTPUT, _TOOL_REQUEST = OutputEvent.EVENT_TYPE, ToolRequestEvent.EVENT_TYPE


class Step(Enum):
    """The condition of a key after a step."""

    PROGRESSED = "progressed"  # the key may be able to take another step
    WAITING = "waiting"  # every task waits for an async call, see KeyRun.waiting_on
    IDLE = "idle"  # no run is in flight and no input waits


# How Python's own errors name an await without an asyncio loop.
_ASYNCIO_TEXTS = ("no running event loop", "no current event loop", "await wasn't used with future")
_PROGRESSED, _WAITING, _IDLE = Step
_new_tuple = tuple.__new__


class KeyRun:
    """The run loop of one key, with the coroutines of its unfinished actions.

    A host must keep it while the key is busy. ``state`` is consistent between two steps, so a host may
    take a snapshot then. After an :class:`ActionFailure` neither the loop nor its state may be used.
    """

    def __init__(self, engine: SharedParts, key: Any, state: KeyState, emit: Emit) -> None:
        self.key = key
        self.state = state
        self._engine = engine
        self._emit = emit
        # Looked up once, because each input needs them.
        self._functions, self._metrics, self._events = engine.functions, engine.metrics, engine.metrics.events
        self._attempts: dict[Task, ActionContext] = {}
        self._stepping: Task | None = None
        self._tool_rounds = self._run_events = 0
        self._began_ns = perf_counter_ns()

    @property
    def waiting_on(self) -> dict[Future[Any], str]:
        """Return the awaited futures with their actions, in queue order."""
        attempts = ((task.action, self._attempts.get(task)) for task in tuple(self.state.tasks))
        return {
            attempt.future: action for action, attempt in attempts if attempt is not None and attempt.future is not None
        }

    @property
    def running_action(self) -> str | None:
        """Return the action that is being stepped, None between two steps. Thread-safe."""
        task = self._stepping
        return task.action if task is not None else None

    def offer(self, value: Any, timestamp: int | None = None) -> None:
        """Queue an input: a JSON value, pydantic model or Row.

        ``timestamp`` in ms is passed on to the outputs of its run. Raises TypeError for a value that
        cannot be written as JSON.
        """
        try:
            event = sealed_input(value)
        except Exception as error:
            raise TypeError(f"the input of key {self.key!r} cannot be written as JSON: {error}") from error
        self.state.inputs.append(_new_tuple(Input, (event, timestamp)))

    def step(self) -> Step:
        """Run the next ready action to its end or its next await. Raises :class:`ActionFailure`."""
        state = self.state
        while not state.tasks:
            if not state.inputs:
                return _IDLE
            self._begin_run(state.inputs.popleft())
        task = self._take_ready_task()
        if task is None:
            return _WAITING
        self._stepping = task
        try:
            self._run(task)
        except BaseException as error:
            # Of any class: test libraries raise failures that are no Exceptions, and asyncio's CancelledError may leak.
            # Ctrl-C is no failure of the action, and reaches the main thread only.
            if isinstance(error, KeyboardInterrupt) and current_thread() is main_thread():
                raise
            raise ActionFailure(
                task.action, self.key, self.current_input, error, agent=self._engine.plan.agent_name
            ) from error
        finally:
            self._stepping = None
        if state.tasks:
            return _PROGRESSED
        self._end_run()
        return _PROGRESSED if state.inputs else _IDLE

    def close(self) -> None:
        """Drop the coroutines of unfinished actions; the state does not change."""
        for attempt in self._attempts.values():
            if attempt.coroutine is not None:
                attempt.coroutine.close()
        self._attempts.clear()

    def _begin_run(self, waiting: Input) -> None:
        state = self.state
        state.current = waiting
        state.sequence += 1
        self._tool_rounds = self._run_events = 0
        self._began_ns = perf_counter_ns()
        self._process(waiting.event)
        if not state.tasks:
            self._end_run()

    def _end_run(self) -> None:
        engine, state = self._engine, self.state
        state.sensory.clear()
        state.current = None
        engine.runs_ended += 1
        self._metrics.run_ended(self._began_ns)
        if engine.expiry is not None:
            engine.expiry.sweep(state)

    def _take_ready_task(self) -> Task | None:
        tasks = self.state.tasks
        if not self._attempts:
            return tasks.popleft()
        for _ in range(len(tasks)):
            attempt = self._attempts.get(tasks[0])
            if attempt is None or attempt.future is None or self._engine.is_done(attempt.future):
                return tasks.popleft()
            tasks.rotate(-1)
        return None

    def _run(self, task: Task) -> None:
        """Run one step of a dequeued task and process its events.

        Memory is committed before the events are processed, so the actions they trigger read it.
        """
        attempt = self._attempts.pop(task, None) if self._attempts else None
        if attempt is None:
            attempt = ActionContext(self._engine, self.key, self.state, task)
        attempt.thread = get_ident()
        self._engine.stepping = attempt
        current = self.state.current
        number = current.timestamp if current is not None and self._engine.inputs_have_numbers else None
        set_cause(_new_tuple(Cause, (self.key, number, task.action)))
        try:
            finished = self._advance(task, attempt)
        except BaseException as error:
            attempt.explain(error)
            raise
        finally:
            attempt.thread = self._engine.stepping = None
            set_cause(None)
        if finished and (attempt.memories or attempt.misused):
            attempt.commit()
        for event in attempt.take_sent():
            self._process(event)
        if finished:
            self._metrics.action_executed(task.action, attempt.began_ns)
        else:
            self._attempts[task] = attempt
            self.state.tasks.append(task)

    def _advance(self, task: Task, attempt: ActionContext) -> bool:
        """Run the action.

        Return True at its end and False at an await.
        """
        if attempt.coroutine is None:
            result = self._functions[task.action](task.event.open(), attempt)
            if result is None:
                return True
            # Upstream resumes any object with send(), so a generator works like a coroutine.
            if not hasattr(result, "send"):
                raise _wrong_result(task.action, result)
            attempt.coroutine = result
        try:
            awaited = _next_await(attempt.coroutine)
        except StopIteration as end:
            # Flink's operator ignores the result of a coroutine. A call that was not awaited is an
            # error all the same: it would never be made.
            if isinstance(end.value, ASYNC_CALL):
                raise _wrong_result(task.action, end.value) from None
            return True
        # Only the engine's own call suspends the task. A future that the agent yields lets others run
        # once, as on Flink.
        attempt.future = attempt.submitted if awaited is attempt.submitted else None
        return False

    def _process(self, event: SealedEvent) -> None:
        engine, state, event_type = self._engine, self.state, event.type
        for observer in engine.observers:
            observer.event_processed(self.key, event_type, event.text)
        self._events.count += 1
        if event_type == _OUTPUT:
            attributes = event.attributes()
            if "output" not in attributes:
                raise ValueError(f"an {_OUTPUT} was sent without the attribute 'output'")
            output = attributes["output"]
            if event.may_hold_rows and not engine.keep_rows:
                output = without_rows(output)
            self._emit(output, state.current.timestamp if state.current else None)
            return
        self._run_events += 1
        if self._run_events > engine.max_run_events > 0:
            raise _endless_run(engine.max_run_events, event_type)
        if event_type == _TOOL_REQUEST:
            self._count_tool_round()
        for action in engine.listeners.get(event_type, ()):
            state.tasks.append(Task(event, action, []))

    def _count_tool_round(self) -> None:
        """Fail a run whose model asks for tools without end."""
        self._tool_rounds += 1
        limit = self._engine.max_tool_rounds
        if limit and self._tool_rounds > limit:
            raise RuntimeError(
                f"the model asked for tools more than {limit} times for one input and may never stop; "
                f"if the agent needs more, raise the option {TOOL_ROUNDS}, or set it to 0 for no limit"
            )

    @property
    def current_input(self) -> Any:
        """Return the JSON value of the running input, None between runs."""
        return self.state.current.event.attributes()["input"] if self.state.current else None


def _next_await(coroutine: Any) -> object:
    """Run a coroutine or generator to its next await or yield.

    A value that is no future only lets others run, like a bare yield. Raises StopIteration at the
    end, and RuntimeError with upstream's text for an await that only an asyncio loop could fulfil: an
    asyncio future raises it when it is asked for the second time.
    """
    try:
        return coroutine.send(None)
    except RuntimeError as error:
        if any(text in text_of(error) for text in _ASYNCIO_TEXTS):
            raise RuntimeError(_ASYNCIO_ERROR_MESSAGE) from error
        raise


def _endless_run(limit: int, event_type: str) -> RuntimeError:
    """Return the error for a run with too many events."""
    return RuntimeError(
        f"the run of one input has more than {limit} events, the last one of type {event_type!r}, and may never end; "
        f"look for actions that send each other events; if the agent needs more, raise the option {RUN_EVENTS}, or set "
        "it to 0 for no limit"
    )


def _wrong_result(action: str, result: object) -> TypeError:
    """Return the error for an action that returned a value."""
    if isinstance(result, ASYNC_CALL):
        return TypeError(
            f"action {action!r} returned an async call that it did not await; write async def and await it"
        )
    if isinstance(result, AsyncGenerator):
        return TypeError(f"action {action!r} is an async def with yield; write await in place of yield")
    return TypeError(
        f"action {action!r} returned {type(result).__name__}, but an action must return None: Flink's operator takes any "
        "other value for a coroutine and fails; send an event instead"
    )
