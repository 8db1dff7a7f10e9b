"""The record of one execution of an action, and its identity.

Records are JSON, the same in every process and Python version; only the outcomes of durable calls in
them are pickled, by the engine. Imports the standard library and the engine's plain data.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from flink_agents_runtime.engine.state import CallRecord, Item, Store

_LAYOUT = 1


class Place(NamedTuple):
    """The place of an action within the run of one input.

    ``position`` is empty for an action of the input event, else :func:`position_below` the action
    that sent the event. It depends neither on the content of events nor on the order in which
    asynchronous calls finish.
    """

    position: str
    action: str


class Execution(NamedTuple):
    """The identity of an execution: :func:`key_text`, input number, place."""

    key: str
    sequence: int
    place: Place


class StoreError(Exception):
    """An action state store cannot be opened, read or written."""


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """The progress of one execution.

    ``input`` and ``event`` are digests of the run's input event and of the triggering event. If they
    differ after a restart, the record belongs to another execution. An unfinished execution has its
    durable ``calls`` so far. A completed one has its result instead: the sent events as (type, JSON
    text), the items written to both memories, the times in ms from which short-term items age, and
    ``rank``, its number among the completed executions of its run.
    """

    input: str
    event: str
    calls: tuple[CallRecord, ...] = ()
    completed: bool = False
    rank: int = 0
    sent: tuple[tuple[str, str], ...] = ()
    sensory: Store = field(default_factory=dict)
    short_term: Store = field(default_factory=dict)
    touched: dict[str, int] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return the record as JSON."""
        fields: dict[str, Any] = {"layout": _LAYOUT, "input": self.input, "event": self.event}
        if self.calls:
            fields["calls"] = [_call_as_json(call) for call in self.calls]
        if self.completed:
            fields |= {
                "rank": self.rank,
                "sent": self.sent,
                "sensory": _items_as_json(self.sensory),
                "shortTerm": _items_as_json(self.short_term),
                "touched": self.touched,
            }
        return json.dumps(fields, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> ActionRecord:
        """Return the record that :meth:`to_bytes` wrote. Raises :class:`StoreError` for other bytes."""
        try:
            fields = json.loads(content)
            if fields["layout"] != _LAYOUT:
                raise StoreError(
                    f"a record has layout {fields['layout']!r}, this runtime reads layout {_LAYOUT}: "
                    "use another topic, or the version of the runtime that wrote it"
                )
            return cls(
                fields["input"],
                fields["event"],
                tuple(_call_from_json(call) for call in fields.get("calls", ())),
                completed="rank" in fields,
                rank=fields.get("rank", 0),
                sent=tuple((event_type, event) for event_type, event in fields.get("sent", ())),
                sensory=_items_from_json(fields.get("sensory", ())),
                short_term=_items_from_json(fields.get("shortTerm", ())),
                touched=fields.get("touched", {}),
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreError(
                f"not an action record ({type(error).__name__}: {error}): {content[:80]!r}; "
                "give action states a topic that nothing else writes to"
            ) from error


def key_text(key: Any) -> str:
    """Return a key as JSON text: 1, "1" and true are three keys."""
    return json.dumps(key, sort_keys=True, default=str)


def digest_of(event: str) -> str:
    """Return a digest of an event's JSON text."""
    return hashlib.blake2b(event.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def position_below(sender: Place, index: int) -> str:
    """Return the position of the actions that a sender's event triggers.

    A digest has the same length after a long chain of events.
    """
    return digest_of(json.dumps([sender.position, sender.action, index]))


def _items_as_json(items: Store) -> list[list[Any]]:
    """Return values as [path, 1, value] and objects as [path, 0, field names]."""
    return [[path, 1, item[0]] if isinstance(item, tuple) else [path, 0, list(item)] for path, item in items.items()]


def _items_from_json(items: Any) -> Store:
    found: dict[str, Item] = {}
    for path, is_value, content in items:
        found[path] = (content,) if is_value else dict.fromkeys(content)
    return found


def _call_as_json(call: CallRecord) -> list[Any]:
    payload = None if call.payload is None else b64encode(call.payload).decode("ascii")
    return [call.function_id, call.args_digest, call.status, payload]


def _call_from_json(fields: Any) -> CallRecord:
    function_id, args_digest, status, payload = fields
    return CallRecord(function_id, args_digest, status, None if payload is None else b64decode(payload))
