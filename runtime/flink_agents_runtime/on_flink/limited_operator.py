"""An operator whose agent may only connect to allowed addresses.

In thread mode the interpreter also runs other jobs, so the limit is entered with each call.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

from pyflink.datastream import KeyedProcessFunction, RuntimeContext

from flink_agents_runtime.network import limited_by


class LimitedOperator(KeyedProcessFunction):
    """Runs another operator under a network limit, given by its fields."""

    def __init__(self, operator: KeyedProcessFunction, limit: Mapping[str, Any]) -> None:
        self._operator = operator
        self._fields = dict(limit)
        self._limit: contextlib.AbstractContextManager[None] = contextlib.nullcontext()

    def open(self, runtime_context: RuntimeContext) -> None:
        """Open the operator, which imports the agent's modules, under a limit of this attempt."""
        self._limit = limited_by(self._fields)
        with self._limit:
            self._operator.open(runtime_context)

    def process_element(self, value: Any, ctx: KeyedProcessFunction.Context) -> Iterable[Any]:
        """Take one input."""
        with self._limit:
            outputs: Iterable[Any] = self._operator.process_element(value, ctx)
            return outputs

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterable[Any]:
        """Continue a key."""
        with self._limit:
            outputs: Iterable[Any] = self._operator.on_timer(timestamp, ctx)
            return outputs

    def close(self) -> None:
        """Close the operator."""
        with self._limit:
            self._operator.close()


def with_limit(operator: KeyedProcessFunction, limit: Mapping[str, Any] | None) -> KeyedProcessFunction:
    """Return the operator under a limit, unchanged without one."""
    return operator if limit is None else LimitedOperator(operator, limit)
