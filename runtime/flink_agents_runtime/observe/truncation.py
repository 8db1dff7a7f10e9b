"""Shortens an event for the log as upstream's STANDARD level does: each cut leaves a wrapper that says how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_WHOLE = ("eventType", "id")


@dataclass(frozen=True, slots=True)
class Limits:
    """The longest text and list, and the depth from which on objects keep only their scalar fields; 0 is no limit."""

    string_length: int
    array_elements: int
    depth: int


def truncated(event: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """The event node (depth 1), shortened. ``attributes`` itself stays an object; what is in it is at depth 3."""
    shortened = {}
    for name, value in event.items():
        if name in _WHOLE:
            shortened[name] = value
        elif name == "attributes":
            shortened[name] = {field: _cut(inner, limits, 3) for field, inner in value.items()}
        else:
            shortened[name] = _cut(value, limits, 2)
    return shortened


def _cut(value: Any, limits: Limits, depth: int) -> Any:
    if isinstance(value, str):
        return _cut_string(value, limits.string_length)
    if isinstance(value, list):
        return _cut_list(value, limits, depth)
    if not isinstance(value, dict):
        return value
    if limits.depth and depth >= limits.depth:
        scalars = {name: inner for name, inner in value.items() if not isinstance(inner, (dict, list))}
        cut = {name: _cut(inner, limits, depth) for name, inner in scalars.items()}
        omitted = len(value) - len(scalars)
        return {"truncatedObject": cut, "omittedFields": omitted} if omitted else cut
    return {name: _cut(inner, limits, depth + 1) for name, inner in value.items()}


def _cut_string(value: str, limit: int) -> Any:
    if not limit or len(value) <= limit:
        return value
    return {"truncatedString": value[:limit] + "...", "omittedChars": len(value) - limit}


def _cut_list(value: list[Any], limits: Limits, depth: int) -> Any:
    limit = limits.array_elements
    if not limit or len(value) <= limit:
        return [_cut(element, limits, depth + 1) for element in value]
    kept = [_cut(element, limits, depth + 1) for element in value[:limit]]
    return {"truncatedList": kept, "omittedElements": len(value) - limit}
