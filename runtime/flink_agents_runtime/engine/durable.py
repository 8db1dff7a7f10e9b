"""Durable calls of one action: run once, recorded, and replayed when the action is run again.

Calls are told apart by their index in the action, as upstream does; function and argument digest only prove that the
action still makes the same calls. May import cloudpickle; knows no executor and no context.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import logging
from collections.abc import Callable, Mapping
from typing import Any

import cloudpickle

from flink_agents_runtime.engine.notes import add_note, call_note
from flink_agents_runtime.engine.state import CallRecord

PENDING = "PENDING"
SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"

_logger = logging.getLogger(__name__)


class DurableCall:
    """A call on its way: run :attr:`run` and tell :meth:`finish`; where it is None, :meth:`replay` has the outcome."""

    __slots__ = ("_calls", "_record", "run")

    def __init__(self, calls: DurableCalls, record: CallRecord, run: Callable[[], Any] | None) -> None:
        self._calls = calls
        self._record = record
        self.run = run

    def replay(self) -> Any:
        """The recorded result; raises the recorded exception."""
        assert self._record.payload is not None
        outcome = cloudpickle.loads(self._record.payload)
        if self._record.status == FAILED:
            raise outcome
        self._calls.last_result = outcome
        return outcome

    def finish(self, result: Any, error: BaseException | None) -> None:
        """Record how the call ended."""
        self._calls.finish(self._record, result, error)


class DurableCalls:
    """The calls of one attempt at an action, over the records of the attempts before it.

    ``records`` is the task's own list and is kept up to date in place. A call that does not fit its record drops this
    and all later records; an outcome that cannot be pickled ends the recording, so that the records stay a prefix.
    ``last_result`` is what the call before had returned, None where it failed.
    """

    def __init__(self, records: list[CallRecord]) -> None:
        self._records = records
        self._next = 0
        self._recording = True
        self.last_result: Any = None

    def enter(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        reconciler: Callable[[], Any] | None,
    ) -> DurableCall:
        """Begin a call. One that an earlier attempt left pending runs ``reconciler`` instead, if there is any."""
        record = CallRecord(_function_id(func), _args_digest(args, kwargs), PENDING)
        earlier = self._earlier(record)
        if earlier is not None and earlier.status != PENDING:
            return DurableCall(self, earlier, None)
        if earlier is not None and reconciler is not None:
            return DurableCall(self, earlier, reconciler)
        del self._records[self._next - 1 :]
        if reconciler is not None and self._recording:
            # Written before the call: whoever comes after a crash must know that it may have happened.
            self._records.append(record)
            self._changed()
        return DurableCall(self, record, lambda: _noted(func, args, kwargs))

    def _earlier(self, record: CallRecord) -> CallRecord | None:
        """What an earlier attempt recorded for the next call, None where nothing fits."""
        index = self._next
        self._next += 1
        if index >= len(self._records):
            return None
        earlier = self._records[index]
        if (earlier.function_id, earlier.args_digest) == (record.function_id, record.args_digest):
            return earlier
        _logger.warning(
            "durable call %d was %s(%s) and is %s(%s) now: the action is not deterministic; recorded calls from here "
            "on are dropped and run again",
            index,
            earlier.function_id,
            earlier.args_digest,
            record.function_id,
            record.args_digest,
        )
        return None

    def finish(self, record: CallRecord, result: Any, error: BaseException | None) -> None:
        """Record the outcome of a call that was begun."""
        self.last_result = result
        if not self._recording:
            return
        try:
            record.payload = cloudpickle.dumps(error if error is not None else result)
        except Exception as reason:
            self._unrecordable(record.function_id, reason)
            self._recording = False
            return
        record.status = SUCCEEDED if error is None else FAILED
        if not any(known is record for known in self._records):
            self._records.append(record)
        self._changed()

    def _changed(self) -> None:
        """Called when a record was added or finished. Here they live and die with the key's state."""

    def _unrecordable(self, function_id: str, reason: Exception) -> None:
        """Called where an outcome cannot be pickled."""
        _logger.warning(
            "the outcome of %s cannot be recorded (%s): it and later calls would run again after a restart",
            function_id,
            reason,
        )


def check_reconciler(reconciler: Callable[[], Any] | None) -> None:
    """Raises TypeError unless the reconciler is None or can be called without arguments."""
    if reconciler is None:
        return
    if not callable(reconciler):
        raise TypeError("reconciler must be callable")
    try:
        inspect.signature(reconciler).bind()
    except (TypeError, ValueError):
        raise TypeError("reconciler must be callable without arguments") from None


def _noted(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """The call itself; an error of a tool or a model is told which one it was."""
    try:
        return func(*args, **kwargs)
    except Exception as error:
        add_note(error, call_note(func, kwargs, error))
        raise


def _function_id(func: Callable[..., Any]) -> str:
    name = getattr(func, "__qualname__", None) or type(func).__qualname__
    return f"{getattr(func, '__module__', None) or '<unknown>'}.{name}"


def _pickled_by_value(value: Any) -> bytes:
    """A pickle that does not tell equal objects from the same one twice: after a restart, what was one may be two.

    Raises ValueError for what holds itself.
    """
    file = io.BytesIO()
    pickler = cloudpickle.Pickler(file)
    pickler.fast = True
    pickler.dump(value)
    return file.getvalue()


def _args_digest(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    call = (args, dict(kwargs))
    try:
        content = _pickled_by_value(call)
    except Exception:
        try:
            content = cloudpickle.dumps(call)
        except Exception:  # what cannot be pickled still has a text
            content = repr((args, kwargs)).encode()
    return hashlib.sha256(content).hexdigest()[:16]
