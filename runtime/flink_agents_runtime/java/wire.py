"""Values of Python and Java as bytes: a letter for the type, then the content.

The other end is ``Wire.java``. A value that has no equal in the other language is refused with its
path; nothing is rounded or turned into text.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

_LONG, _DOUBLE, _SIZE, _DURATION = (struct.Struct(form) for form in (">q", ">d", ">i", ">qi"))
_MIN_LONG, _MAX_LONG = -(2**63), 2**63 - 1


class BorderError(TypeError):
    """A value that cannot pass from Python to Java."""


@dataclass(frozen=True, slots=True)
class ApiObject:
    """An object of upstream's API by its fields; ``kind`` is ``message``, ``document`` or ``tool``."""

    kind: str
    fields: Mapping[str, Any]


def to_bytes(value: Any) -> bytes:
    """Return a value for Java.

    None, bool, int, float, str, bytes, Decimal, date, time, datetime, timedelta, lists, tuples and
    dicts with str keys pass. Raises :class:`BorderError` for any other value.
    """
    out = bytearray()
    _write(out, value, "$")
    return bytes(out)


def request_bytes(operation: str, arguments: Sequence[Any]) -> bytes:
    """Return a call for Java, in whose arguments the paths of refused values begin anew."""
    out = bytearray(b"[" + _SIZE.pack(2))
    _write_text(out, b"s", operation, "$")
    out += b"[" + _SIZE.pack(len(arguments))
    for argument in arguments:
        _write(out, argument, "$")
    return bytes(out)


def of_bytes(content: bytes) -> Any:
    """Return a value of Java.

    Integers of all sizes are int, ``BigDecimal`` is Decimal, times with a zone are aware.
    """
    return _Reader(content).value()


def _write(out: bytearray, value: Any, path: str) -> None:
    write = _WRITERS.get(type(value)) or _writer_of_base(value, path)
    write(out, value, path)


def _writer_of_base(value: Any, path: str) -> Callable[[bytearray, Any, str], None]:
    for base, write in _WRITERS.items():
        if isinstance(value, base):
            return write
    raise BorderError(
        f"the value at {path} is of type {type(value).__qualname__}, which has no form in Java; pass a dict, list, str, "
        "number, bool, bytes, date or time instead"
    )


def _write_none(out: bytearray, value: None, path: str) -> None:
    out += b"N"


def _write_bool(out: bytearray, value: bool, path: str) -> None:
    out += b"T" if value else b"F"


def _write_int(out: bytearray, value: int, path: str) -> None:
    if _MIN_LONG <= value <= _MAX_LONG:
        out += b"l" + _LONG.pack(value)
    else:
        _write_text(out, b"L", str(int(value)), path)


def _write_float(out: bytearray, value: float, path: str) -> None:
    out += b"d" + _DOUBLE.pack(value)


def _write_str(out: bytearray, value: str, path: str) -> None:
    _write_text(out, b"s", value, path)


def _write_bytes(out: bytearray, value: bytes | bytearray, path: str) -> None:
    out += b"b" + _SIZE.pack(len(value)) + value


def _write_decimal(out: bytearray, value: Decimal, path: str) -> None:
    if not value.is_finite():
        raise BorderError(f"the value at {path} is {value}, which BigDecimal does not have")
    _write_text(out, b"D", str(value), path)


def _write_datetime(out: bytearray, value: datetime, path: str) -> None:
    _write_text(out, b"z" if value.tzinfo else b"n", value.isoformat(), path)


def _write_date(out: bytearray, value: date, path: str) -> None:
    _write_text(out, b"y", value.isoformat(), path)


def _write_time(out: bytearray, value: time, path: str) -> None:
    if value.tzinfo is not None:
        raise BorderError(f"the value at {path} is a time with a zone, which LocalTime does not have")
    _write_text(out, b"t", value.isoformat(), path)


def _write_duration(out: bytearray, value: timedelta, path: str) -> None:
    out += b"u" + _DURATION.pack(value.days * 86_400 + value.seconds, value.microseconds)


def _write_list(out: bytearray, value: list[Any] | tuple[Any, ...], path: str) -> None:
    out += b"[" + _SIZE.pack(len(value))
    for index, item in enumerate(value):
        _write(out, item, f"{path}[{index}]")


def _write_dict(out: bytearray, value: dict[Any, Any], path: str) -> None:
    out += b"{" + _SIZE.pack(len(value))
    for key, item in value.items():
        if not isinstance(key, str):
            raise BorderError(f"the dict at {path} has the key {key!r}, which is no str")
        _write_text(out, b"s", key, path)
        _write(out, item, f"{path}.{key}")


def _write_api(out: bytearray, value: ApiObject, path: str) -> None:
    _write_text(out, b"x", value.kind, path)
    _write(out, dict(value.fields), path)


def _write_text(out: bytearray, kind: bytes, text: str, path: str) -> None:
    try:
        content = text.encode()
    except UnicodeEncodeError:
        raise BorderError(f"the text at {path} has half of a surrogate pair: {text!r}") from None
    out += kind + _SIZE.pack(len(content)) + content


# In this order: a bool is an int, and a datetime a date.
_WRITERS: dict[type, Callable[[bytearray, Any, str], None]] = {
    type(None): _write_none,
    bool: _write_bool,
    str: _write_str,
    int: _write_int,
    float: _write_float,
    dict: _write_dict,
    list: _write_list,
    tuple: _write_list,
    bytes: _write_bytes,
    bytearray: _write_bytes,
    Decimal: _write_decimal,
    datetime: _write_datetime,
    date: _write_date,
    time: _write_time,
    timedelta: _write_duration,
    ApiObject: _write_api,
}
_CONSTANTS: Mapping[str, Any] = {"N": None, "T": True, "F": False}


def _aware(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment.astimezone(timezone.utc) if moment.utcoffset() == timedelta(0) else moment


_OF_TEXT: Mapping[str, Callable[[str], Any]] = {
    "s": str,
    "L": int,
    "D": Decimal,
    "y": date.fromisoformat,
    "t": time.fromisoformat,
    "n": datetime.fromisoformat,
    "z": _aware,
}


class _Reader:
    """Reads one value."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def value(self) -> Any:
        kind = chr(self._content[self._at])
        self._at += 1
        if kind in _CONSTANTS:
            return _CONSTANTS[kind]
        if kind == "l":
            return self._unpacked(_LONG)[0]
        if kind == "d":
            return self._unpacked(_DOUBLE)[0]
        if kind == "b":
            return self._bytes()
        if kind == "u":
            seconds, micros = self._unpacked(_DURATION)
            return timedelta(seconds=seconds, microseconds=micros)
        if kind == "[":
            return [self.value() for _ in range(self._unpacked(_SIZE)[0])]
        if kind == "{":
            return {self.value(): self.value() for _ in range(self._unpacked(_SIZE)[0])}
        text = self._bytes().decode()
        return ApiObject(text, self.value()) if kind == "x" else _OF_TEXT[kind](text)

    def _bytes(self) -> bytes:
        (size,) = self._unpacked(_SIZE)
        self._at += size
        if self._at > len(self._content):
            raise ValueError("a value of Java was cut off")
        return self._content[self._at - size : self._at]

    def _unpacked(self, form: struct.Struct) -> tuple[Any, ...]:
        found = form.unpack_from(self._content, self._at)
        self._at += form.size
        return found
