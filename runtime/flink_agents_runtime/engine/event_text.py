"""Fast conversion of events to JSON text and back.

Checkpoints hold the text, and each action gets its own event from it, so that no action sees what
another one did to an event, and every value has made a JSON round trip. Upstream's classes serialise,
hash and validate an event several times. Here each happens once if the result is provably the same.
If a shortcut refuses an event (rows, nesting too deep for the fast parser, malformed text), upstream's
own code decides and raises its own errors.

The fastest writer is orjson, which flink-agents installs with Chroma. It is used for plain JSON values
only: it is configured to refuse every type for which pydantic may have a rule, and it refuses ints
beyond 64 bits by itself.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from uuid import uuid4

from flink_agents.api.events.event import Event, InputEvent
from pydantic import TypeAdapter
from pydantic_core import SchemaValidator, core_schema, from_json

# Reads an Event as its class does, without upstream's validator, which serialises it again.
_reader = SchemaValidator(
    core_schema.model_schema(
        Event,
        core_schema.model_fields_schema(
            {
                "id": core_schema.model_field(core_schema.uuid_schema()),
                "type": core_schema.model_field(core_schema.str_schema(min_length=1)),
                "attributes": core_schema.model_field(core_schema.dict_schema(core_schema.str_schema())),
            },
            extra_behavior="allow",
        ),
    )
)
_validated = _reader.validate_python
# Since 0.4 an event has more fields, and its own class reads it.
_IS_PLAIN = Event.model_fields.keys() == {"id", "type", "attributes"}
# Since 0.4 an id is drawn for each event, not made from its content. Then an input that arrives again after a restart has
# another id, as on Flink: an agent that takes it for an idempotency key repeats its effects.
DRAWS_IDS = InputEvent(input=None).id != InputEvent(input=None).id
_DRAWN = ("id", "upstreamEventId")
_to_json = TypeAdapter(dict[str, Any]).serializer.to_json
try:
    import orjson
except ImportError:  # an installation without Chroma
    orjson = None
    read_plain = from_json
else:
    # Reads the text of plain_json, which never writes a value too deep or too large to be read.
    read_plain = orjson.loads
    _write_plain = orjson.dumps
    _PLAIN_ONLY = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_dump = Event.model_dump_json
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
# The class name by which upstream's reader recognises a row.
ROW = '"Row"'


def input_text(value: Any) -> str:
    """Return the text of a value's InputEvent.

    Raises the errors of InputEvent for a value outside JSON.
    """
    try:
        content: bytes = _to_json({"type": InputEvent.EVENT_TYPE, "attributes": {"input": value}})
    except Exception:  # a row, or not JSON
        text: str = InputEvent(input=value).model_dump_json()
        return text
    if DRAWS_IDS:
        return f'{{"id":"{uuid4()}",{content.decode()[1:]}'
    # An event's id is the hash of the rest of its text as a UUID of version 3, in which one digit and
    # two bits are fixed.
    h = hashlib.md5(content, usedforsecurity=False).hexdigest()
    event_id = f"{h[:8]}-{h[8:12]}-3{h[13:16]}-{_VARIANT[h[16]]}{h[17:20]}-{h[20:]}"
    return f'{{"id":"{event_id}",{content.decode()[1:]}'


def text_of(event: Event) -> str:
    """Return the text of an event to be sent.

    Raises the errors of its ``model_dump_json``.
    """
    if type(event).model_dump_json is _dump:
        try:
            content: bytes = event.__pydantic_serializer__.to_json(event)
            return content.decode()
        except Exception:  # noqa: S110 - a row, or not JSON
            pass
    text: str = event.model_dump_json()
    return text


def event_of(text: str) -> Event:
    """Return a new Event of the base class, whatever class was sent."""
    if ROW in text or not _IS_PLAIN:
        return Event.from_json(text)
    try:
        event: Event = _validated(from_json(text))
    except ValueError:
        return Event.from_json(text)
    return event


def lasting_text(text: str) -> str:
    """Return the text of an event without the ids that were drawn for it and for the event that it comes from."""
    if not DRAWS_IDS:
        return text
    return json.dumps({name: value for name, value in json.loads(text).items() if name not in _DRAWN})


def attributes_of(text: str) -> dict[str, Any]:
    """Return the attributes as JSON values; a row keeps its JSON form."""
    try:
        attributes: dict[str, Any] = from_json(text)["attributes"]
    except ValueError:
        attributes = json.loads(text)["attributes"]
    return attributes


def without_rows(value: Any) -> Any:
    """Return an output with mappings or lists in place of rows.

    Upstream's operator emits rows, and this is how a scenario sees them on that engine. Rows within a
    row stay, because upstream leaves them too.
    """
    if isinstance(value, list):
        return [without_rows(element) for element in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "Row" and "values" in value:
        fields, values = value.get("fields"), value["values"]
        return dict(zip(fields, values, strict=False)) if fields else values
    return {name: without_rows(element) for name, element in value.items()}


def plain_json(value: Any) -> bytes | None:
    """Return pydantic's text of a plain JSON value, None for other values."""
    if orjson is None:
        return None
    try:
        text: bytes = _write_plain(value, None, _PLAIN_ONLY)
    except TypeError:
        return None
    # pydantic writes an exponent without the plus; the text may also be part of a str. Most texts have no plus at
    # all, and a single byte is found several times as fast as two.
    return None if b"+" in text and b"e+" in text else text
