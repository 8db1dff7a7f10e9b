"""Events on their way: nobody can change one any more, and each action that gets one gets it anew.

An event of plain JSON is kept as its id, its type and the JSON text of its attributes: all else is known, so it is not
written and read again. Any other (a row in it, a class of its own, extra properties) is kept as its whole text, made and
read by :mod:`event_text`, which says what is right: the two ways come to the same event and the same text.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, SafeUUID

from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from pydantic import BaseModel

from flink_agents_runtime.engine.event_text import (
    ROW,
    attributes_of,
    event_of,
    input_text,
    plain_json,
    read_plain,
    text_of,
)

try:
    # The interpreter's own: to a short text, hashlib's way through OpenSSL takes twice as long.
    from _md5 import md5  # type: ignore[import-not-found]  # it has no stub
except ImportError:  # an interpreter that was built without
    from hashlib import md5

_INPUT = InputEvent.EVENT_TYPE
_INPUT_CONTENT = b'{"type":"%s","attributes":' % _INPUT.encode()
_ROW = ROW.encode()
# Classes whose instances are nothing but id, type and attributes.
_PLAIN_CLASSES = frozenset((Event, InputEvent, OutputEvent))
# The fields that Flink's operator reads; it ignores the last one.
_FIELDS = frozenset(("id", "type", "attributes", "sourceTimestamp"))
# What a pydantic model consists of.
_set_values, _set_named, _set_extra, _set_private = (
    BaseModel.__dict__[part].__set__
    for part in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
)
# A hash becomes an id as a UUID of version 3: one digit and two bits are fixed.
_FREE_BITS = ((1 << 128) - 1) & ~(0xF << 76) & ~(0x3 << 62)
_FIXED_BITS = (0x3 << 76) | (0x2 << 62)
# What UUID's own __init__ sets, which costs more to find out what it was given. Looked up once, as an enumeration is slow.
_set_int, _set_is_safe, _UNKNOWN = UUID.__dict__["int"].__set__, UUID.__dict__["is_safe"].__set__, SafeUUID.unknown
_new, _number = object.__new__, int.from_bytes


class SealedEvent:
    """One event. ``type`` is its type; see :func:`sealed_input`, :func:`sealed` and :meth:`of_text` for how it is made."""

    __slots__ = ("_attributes", "_id", "_text", "type")

    def __init__(self, event_type: str, event_id: UUID | None, attributes: bytes | None, text: str | None) -> None:
        self.type = event_type
        self._id = event_id
        self._attributes = attributes
        self._text = text

    @classmethod
    def of_text(cls, text: str) -> SealedEvent:
        """The event whose text this is."""
        return cls(event_of(text).type, None, None, text)

    @property
    def text(self) -> str:
        """The event as JSON text, as upstream writes it."""
        if self._text is None:
            assert self._attributes is not None
            content = (plain_json(self.type) or b'""').decode()
            self._text = f'{{"id":"{self._id}","type":{content},"attributes":{self._attributes.decode()}}}'
        return self._text

    @property
    def may_hold_rows(self) -> bool:
        """Return True if a row may be in the attributes."""
        return self._attributes is None and ROW in self.text

    def open(self) -> Event:
        """A new event of the base class, with values of its own."""
        if self._attributes is not None:
            # As model_construct does it, without its detours: the values are known to be right.
            event = _new(Event)
            _set_values(event, {"id": self._id, "type": self.type, "attributes": read_plain(self._attributes)})
            _set_named(event, {"id", "type", "attributes"})
            _set_extra(event, {})
            _set_private(event, None)
            return event
        return event_of(self.text)

    def attributes(self) -> dict[str, Any]:
        """The attributes alone, as JSON values of one's own: a row stays what its JSON is."""
        if self._attributes is not None:
            attributes: dict[str, Any] = read_plain(self._attributes)
            return attributes
        return attributes_of(self.text)


def sealed_input(value: Any) -> SealedEvent:
    """The InputEvent of a value. Raises what InputEvent raises for a value that does not turn into JSON."""
    attributes = plain_json({"input": value})
    if attributes is None or _ROW in attributes:
        return SealedEvent(_INPUT, None, None, input_text(value))
    digest = md5(_INPUT_CONTENT + attributes + b"}", usedforsecurity=False).digest()
    event_id = _new(UUID)
    _set_int(event_id, _number(digest, "big") & _FREE_BITS | _FIXED_BITS)
    _set_is_safe(event_id, _UNKNOWN)
    return SealedEvent(_INPUT, event_id, attributes, None)


def check_fields(event: Event) -> None:
    """Raise RuntimeError for an event that Flink's operator cannot read.

    It reads ``id``, ``type`` and ``attributes`` and fails for an unknown field or an empty type.
    """
    kind = type(event)
    if not event.type:
        raise RuntimeError("an event with an empty type cannot be sent; give it a type, which its listeners name")
    if kind in _PLAIN_CLASSES and not event.__pydantic_extra__:
        return
    own = {*(event.__pydantic_extra__ or ()), *kind.model_fields, *kind.model_computed_fields} - _FIELDS
    # A field may be excluded from the JSON text, and then does no harm.
    unknown = sorted(own and own & set(json.loads(text_of(event))))
    if unknown:
        raise RuntimeError(
            f"the event {event.type!r} cannot be sent: it has the field {', '.join(unknown)}, and Flink's operator reads "
            "only id, type and attributes; put the value into attributes"
        )


def sealed(event: Event) -> SealedEvent:
    """An event that an action sends. Raises what its ``model_dump_json`` raises."""
    if type(event) in _PLAIN_CLASSES and not event.__pydantic_extra__:
        fields = vars(event)
        event_id, event_type, attributes = fields["id"], fields["type"], fields["attributes"]
        if type(event_id) is UUID and type(event_type) is str and event_type and type(attributes) is dict:
            content = plain_json(attributes)
            if content is not None and _ROW not in content:
                return SealedEvent(event_type, event_id, content, None)
    return SealedEvent(event.type, None, None, text_of(event))
