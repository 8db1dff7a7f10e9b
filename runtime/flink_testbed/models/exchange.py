"""Exchanges with a model: a request in its canonical form, and the response of the model's service.

Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

# Clients invent these for the calls of tools, and repeat them in the next request.
_REFERENCES = ("tool_call_id", "tool_use_id")
_ABSENT = object()
_SHOWN_CHARACTERS = 60
_SHOWN_DIFFERENCES = 3


@dataclass(frozen=True, slots=True)
class Answered:
    """The response of a service, its body as text."""

    status: int
    content_type: str
    body: str
    retry_after_s: float | None = None


@dataclass(frozen=True)
class Exchange:
    """A request and its response.

    ``wire`` is the name of the format; ``request`` is the canonical form of the body, see :func:`canonical`; ``input`` is
    the number of the input that led to it, None if the call does not carry it.
    """

    wire: str
    path: str
    request: Any
    response: Answered
    input: int | None = None

    @cached_property
    def digest(self) -> str:
        """The digest of the request."""
        return request_digest(self.path, self.request)

    @cached_property
    def leaves(self) -> dict[str, Any]:
        """The values of the request by their place."""
        return dict(_leaves(self.request, ""))


def request_digest(path: str, request: Any) -> str:
    """Return ``sha256:...`` of a request in its canonical form."""
    text = json.dumps([path, request], sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def canonical(request: Any) -> Any:
    """Return a request's body in the form in which requests are compared.

    The ids of tool calls become numbers in the order of their places, since clients draw them at random. The order of a
    JSON object's names does not count, everything else does.
    """
    numbers: dict[str, str] = {}

    def numbered(value: Any) -> Any:
        if isinstance(value, list):
            return [numbered(item) for item in value]
        if not isinstance(value, dict):
            return value
        is_call = "function" in value or value.get("type") == "tool_use"
        return {
            name: numbers.setdefault(item, f"call {len(numbers) + 1}")
            if isinstance(item, str) and (name in _REFERENCES or (name == "id" and is_call))
            else numbered(item)
            for name, item in sorted(value.items())
        }

    return numbered(request)


def similarity(recorded: Exchange, asked: Exchange) -> float:
    """Return the share of the values that both requests have, from 0 to 1."""
    if recorded.path != asked.path:
        return 0.0
    common = sum(1 for place, value in asked.leaves.items() if recorded.leaves.get(place, _ABSENT) == value)
    return common / max(1, len(recorded.leaves.keys() | asked.leaves.keys()))


def difference_text(recorded: Exchange, asked: Exchange) -> str:
    """Return where two requests differ, as a phrase."""
    if recorded.path != asked.path:
        return f"its path is {recorded.path}, not {asked.path}"
    places = [
        place
        for place in dict.fromkeys((*recorded.leaves, *asked.leaves))
        if recorded.leaves.get(place, _ABSENT) != asked.leaves.get(place, _ABSENT)
    ]
    shown = [_difference(place, recorded.leaves, asked.leaves) for place in places[:_SHOWN_DIFFERENCES]]
    more = f", and {len(places) - len(shown)} more" if len(places) > len(shown) else ""
    return "; ".join(shown) + more


def _difference(place: str, recorded: dict[str, Any], asked: dict[str, Any]) -> str:
    if place not in recorded:
        return f"{place}: {_shown(asked[place])} was not there"
    if place not in asked:
        return f"{place}: {_shown(recorded[place])} is missing"
    before, after = recorded[place], asked[place]
    start = 0
    if isinstance(before, str) and isinstance(after, str):
        alike = next((at for at, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), None)
        start = max(0, (min(len(before), len(after)) if alike is None else alike) - _SHOWN_CHARACTERS // 2)
    return f"{place}: recorded {_shown(before, start)}, asked {_shown(after, start)}"


def _shown(value: Any, start: int = 0) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    part = value[start : start + _SHOWN_CHARACTERS]
    before, after = "..." if start else "", "..." if len(value) > start + _SHOWN_CHARACTERS else ""
    return json.dumps(f"{before}{part}{after}", ensure_ascii=False)


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{place}.{name}" if place else str(name))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, f"{place}[{index}]")
    else:
        yield place, value
