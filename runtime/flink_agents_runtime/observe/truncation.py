"""Truncate events for the log as upstream's STANDARD level does.

Each cut leaves a wrapper object with the number of omitted elements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_WHOLE = ("eventType", "id")


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits for strings, lists and depth; 0 means no limit.

    Objects at ``depth`` or deeper keep only their scalar fields.
    """

    string_length: int
    array_elements: int
    depth: int


def is_whole(text: str, limits: Limits) -> bool:
    """Return True if nothing of an event with this JSON text can be beyond a limit; False says nothing.

    Counting the text takes a fraction of the time of reading it: a list has one element more than commas, and an object
    is as deep as there are brackets that open before it. The first one is the event's own.
    """
    return (
        (not limits.string_length or len(text) <= limits.string_length)
        and (not limits.array_elements or text.count(",") < limits.array_elements)
        and (not limits.depth or text.count("{") + text.count("[") <= limits.depth)
    )


def truncated(event: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """Return the truncated event.

    Upstream counts depth anew for ``attributes``: it has depth 1, as the event itself does.
    """
    shortened = {}
    for name, value in event.items():
        if name in _WHOLE:
            shortened[name] = value
        elif name == "attributes":
            shortened[name] = _cut(value, limits, 1)
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
    # An object in a list has the depth that it would have in the place of the list.
    kept = [
        _cut(element, limits, depth + 1 if isinstance(element, list) else depth)
        for element in (value[:limit] if limit else value)
    ]
    if not limit or len(value) <= limit:
        return kept
    return {"truncatedList": kept, "omittedElements": len(value) - limit}
