"""What is kept of one execution of an action, and how that execution is told from all others.

The bytes are JSON, the same in every process and Python version; only results of durable calls are pickled, by the
engine. Imports the standard library and the engine's plain data.
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
    """An action's place in the run of one input: from where its event came, and the action's name.

    ``position`` is empty for the input event's own actions, else :func:`position_below` the action that sent the event.
    So it depends neither on what an event holds nor on the order in which asynchronous calls end.
    """

    position: str
    action: str


class Execution(NamedTuple):
    """One execution of an action: :func:`key_text` of the key, the number of the input within its key, the place."""

    key: str
    sequence: int
    place: Place


class StoreError(Exception):
    """A store that cannot be opened, read or written. The message says what was tried, seen, and what to do."""


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """How far an execution got.

    ``input`` and ``event`` are digests of the run's input event and of the event that triggered the action: where they
    differ after a restart, the record is of something else. An unfinished execution has the durable ``calls`` so far; a
    completed one has what came of it instead: events sent as (type, JSON text), the items written to both memories, the
    times in ms from which short-term ones age, and ``rank``, its number among the completed executions of its run.
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
        """The record as JSON."""
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
        """The record that :meth:`to_bytes` wrote. Raises :class:`StoreError` for anything else."""
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
    """A business key as JSON text, which keeps its type: 1, "1" and true are three keys, and ``_`` means nothing."""
    return json.dumps(key, sort_keys=True, default=str)


def digest_of(event: str) -> str:
    """A digest of an event's JSON text."""
    return hashlib.blake2b(event.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def position_below(sender: Place, index: int) -> str:
    """The position of the actions triggered by the event number ``index`` (from 0) that ``sender`` sent.

    A digest, so that a long chain of events does not make long positions.
    """
    return digest_of(json.dumps([sender.position, sender.action, index]))


def _items_as_json(items: Store) -> list[list[Any]]:
    """A value as [path, 1, value], an object as [path, 0, names of its fields]."""
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
