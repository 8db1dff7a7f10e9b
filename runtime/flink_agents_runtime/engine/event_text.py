"""Events as JSON text and back, as upstream makes and reads them, in a fraction of the time.

Text is what checkpoints hold and what each action gets an event of its own from: so no action sees what another one did
to an event, and JSON has been through every value. Upstream's own classes serialise, hash or validate
an event several times over. Here it happens once, wherever that provably comes to the same; where a shortcut refuses
(rows, nesting beyond the fast parser's depth, anything malformed), upstream's own way decides, and its errors are told.

The quickest writer is orjson, which flink-agents brings by way of Chroma. It is asked for plain JSON values only: told to
refuse whatever pydantic may have a rule for, and refusing whole numbers of more than 64 bits by itself.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from flink_agents.api.events.event import Event, InputEvent
from pydantic import TypeAdapter
from pydantic_core import SchemaValidator, core_schema, from_json

# An Event as its own class reads it, but for the validator of upstream's that serialises it again when it is read.
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
_to_json = TypeAdapter(dict[str, Any]).serializer.to_json
try:
    import orjson
except ImportError:  # an installation without Chroma
    orjson = None
    read_plain = from_json
else:
    # What plain_json wrote, as values: it writes nothing that is nested too deeply, or too large, to be read.
    read_plain = orjson.loads
    _write_plain = orjson.dumps
    _PLAIN_ONLY = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_dump = Event.model_dump_json
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
# How upstream's serializer writes the class name by which its reader knows a row.
ROW = '"Row"'


def input_text(value: Any) -> str:
    """The text of the InputEvent of a value. Raises what InputEvent raises for a value that does not turn into JSON."""
    try:
        content: bytes = _to_json({"type": InputEvent.EVENT_TYPE, "attributes": {"input": value}})
    except Exception:  # a row, or no JSON at all
        text: str = InputEvent(input=value).model_dump_json()
        return text
    # The id of an event is the hash of the rest of its text, as a UUID of version 3: one digit and two bits are fixed.
    h = hashlib.md5(content, usedforsecurity=False).hexdigest()
    event_id = f"{h[:8]}-{h[8:12]}-3{h[13:16]}-{_VARIANT[h[16]]}{h[17:20]}-{h[20:]}"
    return f'{{"id":"{event_id}",{content.decode()[1:]}'


def text_of(event: Event) -> str:
    """The text of an event that an action sends. Raises what its ``model_dump_json`` raises."""
    if type(event).model_dump_json is _dump:
        try:
            content: bytes = event.__pydantic_serializer__.to_json(event)
            return content.decode()
        except Exception:  # noqa: S110 - a row, or no JSON at all
            pass
    text: str = event.model_dump_json()
    return text


def event_of(text: str) -> Event:
    """A new Event of the base class, whatever the class of the event that was sent."""
    if ROW in text:
        return Event.from_json(text)
    try:
        event: Event = _validated(from_json(text))
    except ValueError:
        return Event.from_json(text)
    return event


def attributes_of(text: str) -> dict[str, Any]:
    """The attributes alone, as JSON values: a row stays what its JSON is."""
    try:
        attributes: dict[str, Any] = from_json(text)["attributes"]
    except ValueError:
        attributes = json.loads(text)["attributes"]
    return attributes


def without_rows(value: Any) -> Any:
    """Return an output with each row in its JSON form replaced by a mapping, or a list without field names.

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
    """What pydantic writes of a value, where it is known without asking it; None for all that is not plain JSON."""
    if orjson is None:
        return None
    try:
        text: bytes = _write_plain(value, None, _PLAIN_ONLY)
    except TypeError:
        return None
    # Where it stands in a number, pydantic leaves out the plus.
    return None if b"e+" in text else text
