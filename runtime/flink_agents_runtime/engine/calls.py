"""The asynchronous calls of an action, as the installed flink-agents has them.

Until 0.3 a call is an AsyncExecutionResult, and is made each time it is awaited. A release with futures
makes it once: awaited again, it has the same outcome, and ``gather`` awaits several calls at the same time.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Protocol

from flink_agents.api import runner_context

from flink_agents_runtime.engine.cause import with_cause
from flink_agents_runtime.engine.durable import DurableCall, DurableCalls
from flink_agents_runtime.engine.shared import SharedParts

HAS_FUTURES = hasattr(runner_context, "AsyncFuture")
# The class of a call that an action may forget to await.
ASYNC_CALL: Any = runner_context.AsyncFuture if HAS_FUTURES else runner_context.AsyncExecutionResult
_DURABLE_CALL: Any = runner_context.DurableFuture if HAS_FUTURES else runner_context.AsyncExecutionResult
_PARALLELISM = "async.batch.parallelism"


class Caller(Protocol):
    """The context of the action that makes the calls. ``submitted`` is the call that it waits for."""

    engine: SharedParts
    submitted: Future[Any] | None

    @property
    def calls(self) -> DurableCalls:
        """Return the durable calls of this attempt."""

    @property
    def config(self) -> Any:
        """Return the configuration of the agent."""

    def running(self) -> Caller:
        """Return the context of the action that runs on this thread."""


Waiting = Generator[Future[Any], None, Any]


class _Kept:
    """A future that keeps its outcome."""

    outcome: Any = None

    def __await__(self) -> Waiting:
        if self.outcome is None:
            try:
                value = yield from self._resolve()
            except Exception as error:
                self.outcome = runner_context.Outcome.failure(error)
            else:
                self.outcome = runner_context.Outcome.success(value)
        if self.outcome.error is not None:
            raise self.outcome.error
        return self.outcome.value

    def _resolve(self) -> Waiting:
        raise NotImplementedError


class AwaitableCall(_Kept, _DURABLE_CALL):
    """An asynchronous durable call, submitted to the executor at its await.

    It yields its future to the engine, which steps the action again once the call is done.
    """

    def __init__(
        self,
        context: Caller,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        reconciler: Callable[[], Any] | None,
        durable_id: str | None = None,
    ) -> None:
        if HAS_FUTURES:
            super().__init__()
        self.context = context
        self._call = (func, args, kwargs, reconciler, durable_id)

    def begin(self, context: Caller, *, reserve: bool = False) -> DurableCall:
        """Enter the call; with ``reserve`` its record is written before any call of its batch is made."""
        return context.calls.enter(*self._call, reserve=reserve)

    def _resolve(self) -> Waiting:
        context = self.context.running()
        call = self.begin(context)
        if call.run is None:
            return call.replay()
        future: Future[Any] = context.engine.executor.submit(with_cause(call.run))
        yield from _until_done(context, future)
        error = future.exception()
        call.finish(None if error else future.result(), error)
        return future.result()

    if not HAS_FUTURES:
        __await__ = _resolve


class _Unrecorded:
    """A call without a record, entered like a durable one."""

    def __init__(self, run: Callable[[], Any]) -> None:
        self.run = run

    def finish(self, result: Any, error: BaseException | None) -> None:
        """Record nothing."""


class OrdinaryCall(_Kept, ASYNC_CALL):
    """An asynchronous call that a restart makes again."""

    def __init__(self, context: Caller, call: Callable[[], Any]) -> None:
        super().__init__()
        self.context = context
        self._call = call

    def begin(self, context: Caller, *, reserve: bool = False) -> _Unrecorded:
        """Enter the call."""
        return _Unrecorded(self._call)

    def _resolve(self) -> Waiting:
        context = self.context.running()
        future: Future[Any] = context.engine.executor.submit(with_cause(self._call))
        yield from _until_done(context, future)
        return future.result()


class Batch(_Kept, ASYNC_CALL):
    """Several calls that are made at the same time, at most ``async.batch.parallelism`` of them.

    Its result are their outcomes in the order of the calls. All records of durable calls are written before the
    first call is made.
    """

    def __init__(self, context: Caller, calls: Sequence[Any]) -> None:
        super().__init__()
        self._context = context
        self._calls = tuple(calls)
        for number, call in enumerate(self._calls):
            if not isinstance(call, (AwaitableCall, OrdinaryCall)):
                raise TypeError(f"gather takes single calls of its context, and argument {number} is {call!r}")
            if call.context is not context:
                raise ValueError(f"argument {number} of gather is a call of another action's context")
            if any(call is other for other in self._calls[:number]):
                raise ValueError(f"argument {number} of gather is there twice")

    def _resolve(self) -> Waiting:
        context = self._context.running()
        entered = [(call, call.begin(context, reserve=True)) for call in self._calls if call.outcome is None]
        waiting = deque((call, entry) for call, entry in entered if entry.run is not None)
        for call, entry in entered:
            if entry.run is None:
                call.outcome = _outcome(entry.replay)
        yield from self._make(context, waiting)
        return [call.outcome for call in self._calls]

    def _make(self, context: Caller, waiting: deque[tuple[Any, Any]]) -> Waiting:
        """Make the calls. The oldest one is waited for, so that a seeded run has the same order each time."""
        executor, limit = context.engine.executor, _parallelism(context)
        made: deque[tuple[Any, Any, Future[Any]]] = deque()
        while waiting or made:
            while waiting and len(made) < limit:
                call, entry = waiting.popleft()
                made.append((call, entry, executor.submit(with_cause(entry.run))))
            call, entry, future = made.popleft()
            yield from _until_done(context, future)
            error = future.exception()
            entry.finish(None if error else future.result(), error)
            call.outcome = _outcome(future.result)


def ordinary_call(context: Caller, func: Callable[..., Any], args: Any, kwargs: Any) -> OrdinaryCall:
    """Return a call of ``func`` that is made when it is awaited."""
    return OrdinaryCall(context, partial(func, *args, **kwargs))


def _parallelism(context: Caller) -> int:
    given = context.config.conf_data.get(_PARALLELISM)
    return max(1, int(given)) if given is not None else os.cpu_count() or 1


def _until_done(context: Caller, future: Future[Any]) -> Waiting:
    context.submitted = future
    # Not future.done(): the host decides when a call counts as done, so that a seeded run has the
    # same order however quick the call was.
    while not context.engine.is_done(future):
        yield future


def _outcome(result: Callable[[], Any]) -> Any:
    try:
        return runner_context.Outcome.success(result())
    except Exception as error:
        return runner_context.Outcome.failure(error)
