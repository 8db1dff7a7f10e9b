"""Fill the reply of a route with parts of its request.

``${request.json.order.id}``, ``${request.path.id}``, ``${request.query.page}`` and
``${request.sequence}`` are replaced, and ``$${`` stands for ``${``. A string that is nothing but one of them becomes the value
itself, so that a number stays a number; a part that the request does not have becomes null, or
nothing inside a text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

REQUEST = "request."
SECTIONS = ("json", "path", "query")
_PLACEHOLDER = re.compile(r"\$(?:\$\{|\{request\.([A-Za-z0-9_.-]+)\})")


@dataclass(frozen=True, slots=True)
class RequestParts:
    """The parts of a request that a reply may repeat."""

    sequence: int
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str | list[str]] = field(default_factory=dict)
    json: Any = None

    def value(self, name: str) -> Any:
        """Return the part of a name like ``json.order.id``, None if there is none."""
        section, _, rest = name.partition(".")
        if section == "sequence" and not rest:
            return self.sequence
        value: Any = {"json": self.json, "path": self.path, "query": self.query}.get(section)
        for step in rest.split(".") if rest else ():
            if isinstance(value, Mapping):
                value = value.get(step)
            elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
                value = value[int(step)]
            else:
                return None
        return value


def has_placeholder(value: Any) -> bool:
    """Return whether a reply has a placeholder or an escaped one."""
    return "${" in json.dumps(value)


def names_in(value: Any) -> list[str]:
    """Return the parts of a request that a reply repeats, like ``json.order.id``."""
    return [found for found in _PLACEHOLDER.findall(json.dumps(value, default=str)) if found]


def is_part(name: str) -> bool:
    """Return whether a name like ``json.order.id`` can be a part of a request."""
    section, _, rest = name.partition(".")
    return name == "sequence" or (section in SECTIONS and bool(rest or section == "json"))


def fill(value: Any, parts: RequestParts) -> Any:
    """Return a copy of a reply's value with its placeholders replaced."""
    if isinstance(value, str):
        whole = _PLACEHOLDER.fullmatch(value)
        if whole and whole[1]:
            return parts.value(whole[1])
        return _PLACEHOLDER.sub(lambda found: _text(parts.value(found[1])) if found[1] else "${", value)
    if isinstance(value, Mapping):
        return {name: fill(item, parts) for name, item in value.items()}
    if isinstance(value, list):
        return [fill(item, parts) for item in value]
    return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
