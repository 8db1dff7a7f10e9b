"""The operator for a user's own keyed stream.

Keys may have any type and values any that can be written as JSON. As with upstream's operator, an
output is the JSON value that the agent sent, and a row comes out as a row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pydantic_core import to_jsonable_python
from pyflink.common import Row
from pyflink.datastream import KeyedProcessFunction, KeySelector, RuntimeContext

from flink_agents_runtime.engine.state import KeyState
from flink_agents_runtime.on_flink.operator import AgentOperator

# PyFlink's time stamp of a record without one, in process mode and in thread mode.
_NO_STAMP_MS = -(2**63)
_PLAIN = (str, bool, int, float, type(None))


class StreamOperator(AgentOperator):
    """Runs an agent over a keyed stream."""

    # Outputs after a slice lose the time stamp of their input, so it is longer here. Flink can cancel the job only
    # between slices, and a job that takes longer than 15 s to cancel costs its cluster.
    slice_s = 5.0

    def open(self, runtime_context: RuntimeContext) -> None:
        """Open the engine, which keeps rows as Row objects."""
        super().open(runtime_context)
        self._engine.keep_rows = True
        self._engine.inputs_have_numbers = False

    def process_element(self, value: Any, ctx: KeyedProcessFunction.Context) -> Iterable[Any]:
        """Take one input and run its key as far as possible."""
        if value is None:
            raise ValueError(
                "an input of the stream is None, which upstream's operator refuses; "
                "filter such values out before from_datastream"
            )
        stamp = ctx.timestamp()
        return self._process(
            self._key_text(ctx.get_current_key()), value, None if stamp == _NO_STAMP_MS else stamp, ctx
        )

    def _key_text(self, key: Any) -> str:
        return typed_key_text(key)

    def _record(self, key: Any, value: Any, timestamp: int | None) -> Any:
        return with_rows(value)

    def _stamp(self, state: KeyState) -> int | None:
        """Return the time stamp of the current input or the next one."""
        given = state.current or (state.inputs[0] if state.inputs else None)
        return given.timestamp if given else None


class TextKeyedOperator(StreamOperator):
    """The same over a stream that is keyed by :class:`TextKey`."""

    def _key_text(self, key: Any) -> str:
        return str(key)


class TextKey(KeySelector):
    """A key selector whose keys are the texts of another one's keys."""

    def __init__(self, key_selector: Any) -> None:
        self._key_of = key_selector.get_key if isinstance(key_selector, KeySelector) else key_selector

    def get_key(self, value: Any) -> str:
        """Return the text of the key of a value."""
        return typed_key_text(self._key_of(value))


def typed_key_text(key: Any) -> str:
    """Return a JSON text that is unique to the key, such as 1, "1" or true.

    Keys outside JSON carry their type's name. Raises TypeError for a key that has no JSON form.
    """
    if isinstance(key, _PLAIN):
        return json.dumps(key)
    return json.dumps({type(key).__name__: to_jsonable_python(key, fallback=_of_row)}, sort_keys=True)


def with_rows(value: Any) -> Any:
    """Return the value with rows in upstream's JSON form as Row objects.

    That form is ``{"type": "Row", "values": [...], "fields": [...]}``.
    """
    if isinstance(value, list):
        return [with_rows(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "Row" and "values" in value:
        fields = value.get("fields")
        return Row(**dict(zip(fields, value["values"], strict=True))) if fields else Row(*value["values"])
    return {name: with_rows(item) for name, item in value.items()}


def _of_row(key: Any) -> Any:
    if isinstance(key, Row):
        return list(key)
    raise TypeError(
        f"a key of type {type(key).__name__} cannot be written as JSON; key the stream by a str, number or bool"
    )
