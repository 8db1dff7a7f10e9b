"""Values as compact JSON, by the encoder that json has in C, and the strings in such a text."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any

_ESCAPE = re.compile(r'\\(?:u[0-9a-f]{4}|["\\bfnrt])')


def parts_of(value: Any) -> dict[Any, Any] | list[Any] | None:
    """Return a mapping, sequence or instance of a dataclass as a dict or list, and None for anything else."""
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None


def _parts_or_text(value: Any) -> Any:
    parts = parts_of(value)
    return str(value) if parts is None else parts


# Strict: it raises ValueError for numbers that JSON does not have.
compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_parts_or_text).encode


def unescaped(text: str) -> str:
    """Return a JSON text with the characters of its strings in place of their escapes."""
    return _ESCAPE.sub(lambda found: json.loads(f'"{found[0]}"'), text) if "\\" in text else text
