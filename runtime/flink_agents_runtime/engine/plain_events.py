"""Create upstream's events of plain JSON with one serialisation each.

Upstream's constructors validate an event, serialise it, hash it and serialise it again. The result is
known after one serialisation if all values are plain JSON. While an engine runs, its actions therefore
get constructors that take this shortcut. Any other value, and any subclass, takes upstream's own way
and raises upstream's errors. The events have upstream's classes and the same content. A release of
flink-agents whose constructors give another result keeps them, and so do constructors that other
code has replaced, such as a test library's: they are called, and stay.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any
from uuid import UUID, SafeUUID

from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from pydantic import BaseModel

from flink_agents_runtime.engine.event_text import plain_json

try:
    # For a short text the interpreter's own function takes half the time of hashlib's OpenSSL one.
    from _md5 import md5  # type: ignore[import-not-found]  # it has no stub
except ImportError:  # an interpreter built without it
    from hashlib import md5

# Since 0.4 an event names the event and the action that it comes from.
HAS_LINEAGE = "upstream_event_id" in Event.model_fields
NO_LINEAGE: dict[str, Any] = {"upstream_event_id": None, "upstream_action_name": None} if HAS_LINEAGE else {}
# Classes whose instances have only id, type, attributes and lineage.
PLAIN_CLASSES = frozenset((Event, InputEvent, OutputEvent))
# The slots of a pydantic model.
_set_values, _set_named, _set_extra, _set_private = (
    BaseModel.__dict__[part].__set__
    for part in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
)
# An event's id is its hash as a UUID of version 3, in which one digit and two bits are fixed.
_FREE_BITS = ((1 << 128) - 1) & ~(0xF << 76) & ~(0x3 << 62)
_FIXED_BITS = (0x3 << 76) | (0x2 << 62)
# The slots of a UUID: its __init__ spends most of its time on checking its arguments. The
# enumeration's member is looked up once, because that is slow, too.
_set_int, _set_is_safe, _UNKNOWN = UUID.__dict__["int"].__set__, UUID.__dict__["is_safe"].__set__, SafeUUID.unknown
_new, _number = object.__new__, int.from_bytes
_upstreams_set, _inherited = Event.__setattr__, BaseModel.__init__
_Replacements = tuple[tuple[type[Event], str, Callable[..., None]], ...]
_lock = threading.Lock()
_users = 0


def fill(event: Event, values: dict[str, Any], named: set[str]) -> None:
    """Set the fields of a new event without any check; ``named`` are those that count as given."""
    _set_values(event, values)
    _set_named(event, named)
    _set_extra(event, {})
    _set_private(event, None)


def content_start(event_type: str) -> bytes:
    """Return the text of an event without its id, up to its attributes."""
    return b'{"type":' + json.dumps(event_type, ensure_ascii=False).encode() + b',"attributes":'


def content_id(start: bytes, attributes: bytes) -> UUID:
    """Return the id of an event with this start of its text and this text of its attributes."""
    digest = md5(start + attributes + b"}", usedforsecurity=False).digest()
    event_id = _new(UUID)
    _set_int(event_id, _number(digest, "big") & _FREE_BITS | _FIXED_BITS)
    _set_is_safe(event_id, _UNKNOWN)
    return event_id


@contextmanager
def quick_events() -> Iterator[None]:
    """Replace upstream's constructors while the block runs.

    Blocks may overlap in several threads: the first one replaces, the last one restores.
    """
    global _users  # noqa: PLW0603 - a process has one class of each name
    try:
        with _lock:
            _users += 1
            if _users == 1 and _are_upstreams() and _are_equal():
                _install(_QUICK)
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _restore()


def _filled(event: Event, kind: type[Event], start: bytes, attributes: dict[str, Any]) -> bool:
    """Fill a new event of exactly this class if its attributes are plain JSON."""
    text = plain_json(attributes)
    # Upstream's constructors call the one that events inherit, which other code may replace, too.
    if text is None or type(event) is not kind or Event.__init__ is not _inherited:
        return False
    values = {"id": content_id(start, text), "type": kind.EVENT_TYPE, "attributes": attributes, **NO_LINEAGE}
    fill(event, values, {"type", "attributes"})
    return True


_INPUT_START, _OUTPUT_START = content_start(InputEvent.EVENT_TYPE), content_start(OutputEvent.EVENT_TYPE)


def _input_event(upstreams: Callable[..., None]) -> Callable[..., None]:
    @wraps(upstreams)
    def create(self: Event, input: Any) -> None:  # noqa: A002 - upstream's name
        if not _filled(self, InputEvent, _INPUT_START, {"input": input}):
            upstreams(self, input)

    return create


def _output_event(upstreams: Callable[..., None]) -> Callable[..., None]:
    @wraps(upstreams)
    def create(self: Event, output: Any) -> None:
        if not _filled(self, OutputEvent, _OUTPUT_START, {"output": output}):
            upstreams(self, output)

    return create


@wraps(_upstreams_set)
def _set(event: Event, name: str, value: Any) -> None:
    """Set the id of an event of plain JSON, as from_event does, or leave it to upstream."""
    fields = vars(event)
    if (
        name == "id"
        and type(value) is UUID
        and type(event) in PLAIN_CLASSES
        and not event.__pydantic_extra__
        and plain_json(fields) is not None
    ):
        fields["id"] = value
        event.__pydantic_fields_set__.add("id")
    else:
        _upstreams_set(event, name, value)


_UPSTREAMS: _Replacements = (
    (InputEvent, "__init__", InputEvent.__init__),
    (OutputEvent, "__init__", OutputEvent.__init__),
    (Event, "__setattr__", _upstreams_set),
)
_QUICK: _Replacements = (
    (InputEvent, "__init__", _input_event(InputEvent.__init__)),
    (OutputEvent, "__init__", _output_event(OutputEvent.__init__)),
    (Event, "__setattr__", _set),
)


def _install(replacements: _Replacements) -> None:
    for kind, name, method in replacements:
        setattr(kind, name, method)


def _restore() -> None:
    """Put upstream's constructors in place of those of this module, and of no others."""
    for (kind, name, quick), (_, _, upstreams) in zip(_QUICK, _UPSTREAMS, strict=True):
        if getattr(kind, name) is quick:
            setattr(kind, name, upstreams)


def _are_upstreams() -> bool:
    """Return whether the classes have the constructors of upstream's own file."""
    if Event.__init__ is not _inherited:
        return False
    file = sys.modules[Event.__module__].__file__
    for (kind, name, quick), (_, _, upstreams) in zip(_QUICK, _UPSTREAMS, strict=True):
        # A wrapper may have copied every name, but not the file of its code. One that others took for upstream's may be
        # left of an earlier run, and is replaced again.
        if getattr(kind, name) not in (upstreams, quick) or _file_of(upstreams) != file:
            return False
    return True


def _file_of(method: Callable[..., None]) -> str:
    code = getattr(method, "__code__", None)
    return code.co_filename if code is not None else ""


@cache
def _are_equal() -> bool:
    """Return whether both ways give the same events with the installed flink-agents."""
    value = {"text": "a", "list": [1, 0.5, None, True], "none": {}}

    def examples() -> list[Any]:
        events = [InputEvent(input=value), OutputEvent(output=value), InputEvent.from_event(InputEvent(input=value))]
        return [
            (vars(event), event.model_fields_set, event.model_extra, event.__pydantic_private__) for event in events
        ]

    try:
        before = examples()
        _install(_QUICK)
        return examples() == before
    except Exception:
        return False
    finally:
        _install(_UPSTREAMS)
