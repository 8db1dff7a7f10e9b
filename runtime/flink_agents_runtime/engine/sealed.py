"""Immutable events on their way from one action to others.

Each receiving action gets a new copy. An event of plain JSON is stored as its id, its type and the
JSON text of its attributes, because nothing else can be in it. Any other event, for example one with
a row or of a subclass, is stored as its whole text, written and read by :mod:`event_text`. That
module defines the correct result; both ways give the same event and the same text.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

from flink_agents.api.events.event import Event, InputEvent

from flink_agents_runtime.engine.event_text import (
    DRAWS_IDS,
    ROW,
    attributes_of,
    event_of,
    input_text,
    plain_json,
    read_plain,
    text_of,
)
from flink_agents_runtime.engine.plain_events import NO_LINEAGE, PLAIN_CLASSES, content_id, content_start, fill

_INPUT = InputEvent.EVENT_TYPE
_INPUT_START = content_start(_INPUT)
_ROW = ROW.encode()
# The fields that Flink's operator reads; it ignores the last one.
_FIELDS = frozenset(("id", "type", "attributes", "sourceTimestamp"))
_new = object.__new__


class SealedEvent:
    """One event. Use :func:`sealed_input`, :func:`sealed` or :meth:`of_text` to create it."""

    __slots__ = ("_attributes", "_id", "_lineage", "_text", "type")

    def __init__(self, event_type: str, event_id: UUID | None, attributes: bytes | None, text: str | None) -> None:
        self.type = event_type
        self._id = event_id
        self._attributes = attributes
        self._text = text
        # The id of the event and the name of the action that it comes from.
        self._lineage: tuple[UUID, str] | None = None

    @classmethod
    def of_text(cls, text: str) -> SealedEvent:
        """Return the event with this JSON text."""
        return cls(event_of(text).type, None, None, text)

    @property
    def text(self) -> str:
        """Return the event as the JSON text that upstream writes."""
        if self._text is None:
            assert self._attributes is not None
            content = json.dumps(self.type, ensure_ascii=False)
            fields = f'"id":"{self._id}","type":{content},"attributes":{self._attributes.decode()}'
            if self._lineage is not None:
                event_id, action = self._lineage
                fields += f',"upstreamEventId":"{event_id}","upstreamActionName":{json.dumps(action)}'
            self._text = f"{{{fields}}}"
        return self._text

    def sent_by(self, cause: SealedEvent, action: str) -> SealedEvent:
        """Return the event with its lineage: the event that an action has received, and the action."""
        event_id = cause.id
        if self._attributes is None:
            lineage = {"upstreamEventId": str(event_id), "upstreamActionName": action}
            return SealedEvent(self.type, None, None, json.dumps({**json.loads(self.text), **lineage}))
        event = SealedEvent(self.type, self._id, self._attributes, None)
        event._lineage = event_id, action
        return event

    @property
    def id(self) -> UUID:
        """Return the event's id."""
        return self._id if self._id is not None else UUID(json.loads(self.text)["id"])

    @property
    def may_hold_rows(self) -> bool:
        """Return True if a row may be in the attributes."""
        return self._attributes is None and ROW in self.text

    def open(self) -> Event:
        """Return a new event of the base class, with its own copy of the values."""
        if self._attributes is not None:
            # The same as model_construct, without its checks: the values are known to be valid.
            event = _new(Event)
            values = {"id": self._id, "type": self.type, "attributes": read_plain(self._attributes), **NO_LINEAGE}
            if self._lineage is not None:
                values["upstream_event_id"], values["upstream_action_name"] = self._lineage
            fill(event, values, {"id", "type", "attributes"})
            return event
        return event_of(self.text)

    def attributes(self) -> dict[str, Any]:
        """Return a copy of the attributes as JSON values.

        A row keeps its JSON form.
        """
        if self._attributes is not None:
            attributes: dict[str, Any] = read_plain(self._attributes)
            return attributes
        return attributes_of(self.text)


def sealed_input(value: Any) -> SealedEvent:
    """Return the InputEvent of a value.

    Raises the errors of InputEvent for a value outside JSON.
    """
    attributes = plain_json({"input": value})
    if attributes is None or _ROW in attributes:
        return SealedEvent(_INPUT, None, None, input_text(value))
    event_id = uuid4() if DRAWS_IDS else content_id(_INPUT_START, attributes)
    return SealedEvent(_INPUT, event_id, attributes, None)


def check_fields(event: Event) -> None:
    """Raise RuntimeError for an event that Flink's operator cannot read.

    It reads ``id``, ``type`` and ``attributes`` and fails for an unknown field or an empty type.
    """
    kind = type(event)
    if not event.type:
        raise RuntimeError("an event with an empty type cannot be sent; give it a type, which its listeners name")
    if kind in PLAIN_CLASSES and not event.__pydantic_extra__:
        return
    own = {*(event.__pydantic_extra__ or ()), *kind.model_fields, *kind.model_computed_fields} - _FIELDS
    # A field may be excluded from the JSON text, and then does no harm.
    unknown = sorted(own and own & set(json.loads(text_of(event))))
    if unknown:
        raise RuntimeError(
            f"the event {event.type!r} cannot be sent: it has the field {', '.join(unknown)}, but Flink's operator reads "
            "only id, type and attributes; put the value into attributes"
        )


def sealed(event: Event) -> SealedEvent:
    """Return an event to be sent. Raises the errors of its ``model_dump_json``."""
    plain = sealed_plain(event)
    return SealedEvent(event.type, None, None, text_of(event)) if plain is None else plain


def sealed_plain(event: Event) -> SealedEvent | None:
    """Return an event of plain JSON to be sent, which needs no further check; None for any other."""
    if type(event) in PLAIN_CLASSES and not event.__pydantic_extra__:
        fields = vars(event)
        event_id, event_type, attributes = fields["id"], fields["type"], fields["attributes"]
        if type(event_id) is UUID and type(event_type) is str and event_type and type(attributes) is dict:
            content = plain_json(attributes)
            if content is not None and _ROW not in content:
                return SealedEvent(event_type, event_id, content, None)
    return None
