"""Durable calls of one action, which are recorded and replayed.

As upstream does, a call is identified by its index within the action. Function and digest of the
arguments only prove that the action still makes the same calls.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import cloudpickle

from flink_agents_runtime.engine.cause import durably
from flink_agents_runtime.engine.notes import add_note, call_note
from flink_agents_runtime.engine.state import CallRecord

PENDING = "PENDING"
SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"

_logger = logging.getLogger(__name__)


class DurableCall:
    """A call that was entered.

    Call :attr:`run` and pass the outcome to :meth:`finish`. If ``run`` is None, the outcome is
    recorded and :meth:`replay` returns it.
    """

    __slots__ = ("_calls", "_record", "run")

    def __init__(self, calls: DurableCalls, record: CallRecord, run: Callable[[], Any] | None) -> None:
        self._calls = calls
        self._record = record
        self.run = run

    def replay(self) -> Any:
        """Return the recorded result, or raise the recorded exception."""
        assert self._record.payload is not None
        outcome = cloudpickle.loads(self._record.payload)
        if self._record.status == FAILED:
            raise outcome
        self._calls.last_result = outcome
        return outcome

    def finish(self, result: Any, error: BaseException | None) -> None:
        """Record the outcome of the call."""
        self._calls.finish(self._record, result, error)


class DurableCalls:
    """The calls of one attempt at an action, over the records of earlier attempts.

    ``records`` is the task's list and is updated in place. A call that differs from its record drops
    this and all later records. An outcome that cannot be pickled ends the recording, so the records
    are always a prefix of the calls. ``last_result`` is the result of the last call, None if it
    failed.
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
        durable_id: str | None = None,
        *,
        reserve: bool = False,
    ) -> DurableCall:
        """Enter a call.

        One that an earlier attempt left pending runs its ``reconciler``, if it has one. ``durable_id`` replaces function
        and arguments as its identity. With ``reserve`` the call is recorded before it is made, and one that is left
        pending keeps the records after it: calls of one batch end in any order.
        """
        function = _function_id(func) if durable_id is None else durable_id
        record = CallRecord(function, _args_digest(args, kwargs) if durable_id is None else "", PENDING)
        earlier = self._earlier(record)
        if earlier is not None and earlier.status != PENDING:
            return DurableCall(self, earlier, None)
        if earlier is not None and reconciler is not None:
            return DurableCall(self, earlier, partial(durably, reconciler))
        if earlier is not None and reserve:
            return DurableCall(self, earlier, partial(durably, lambda: _noted(func, args, kwargs)))
        del self._records[self._next - 1 :]
        if (reserve or reconciler is not None) and self._recording:
            # Recorded before the call, so that the next attempt knows that it may have been made.
            self._records.append(record)
            self._changed()
        return DurableCall(self, record, partial(durably, lambda: _noted(func, args, kwargs)))

    def _earlier(self, record: CallRecord) -> CallRecord | None:
        """Return the fitting record of the next call, or None."""
        index = self._next
        self._next += 1
        if index >= len(self._records):
            return None
        earlier = self._records[index]
        if (earlier.function_id, earlier.args_digest) == (record.function_id, record.args_digest):
            return earlier
        _logger.warning(
            "durable call %d was %s(%s) and is now %s(%s): the action is not deterministic; this and all later "
            "recorded calls are dropped and made again",
            index,
            earlier.function_id,
            earlier.args_digest,
            record.function_id,
            record.args_digest,
        )
        return None

    def finish(self, record: CallRecord, result: Any, error: BaseException | None) -> None:
        """Record the outcome of a call that was entered."""
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
        """React to a new or finished record.

        Without a store the key's state holds the records.
        """

    def _unrecordable(self, function_id: str, reason: Exception) -> None:
        """React to an outcome that cannot be pickled."""
        _logger.warning(
            "the outcome of %s cannot be recorded (%s): this and later calls would be made again after a restart",
            function_id,
            reason,
        )


def check_reconciler(reconciler: Callable[[], Any] | None) -> None:
    """Raise TypeError unless the reconciler is None or can be called without arguments."""
    if reconciler is None:
        return
    if not callable(reconciler):
        raise TypeError("reconciler must be callable")
    try:
        inspect.signature(reconciler).bind()
    except (TypeError, ValueError):
        raise TypeError("reconciler must be callable without arguments") from None


def _noted(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Call the function.

    Add a note to the error of a tool or a model that names it.
    """
    try:
        return func(*args, **kwargs)
    except Exception as error:
        add_note(error, call_note(func, kwargs, error))
        raise


def _function_id(func: Callable[..., Any]) -> str:
    name = getattr(func, "__qualname__", None) or type(func).__qualname__
    return f"{getattr(func, '__module__', None) or '<unknown>'}.{name}"


def _pickled_by_value(value: Any) -> bytes:
    """Pickle a value without references between its parts.

    Equal arguments then give equal bytes, even if an object occurs once before a restart and as two
    equal objects after it. Raises ValueError for a value that contains itself.
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
        except Exception:  # a value that cannot be pickled still has a repr
            content = repr((args, kwargs)).encode()
    return hashlib.sha256(content).hexdigest()[:16]
