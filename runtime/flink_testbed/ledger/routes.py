"""Endpoints and routes: the answers of the services that a job calls.

Values travel to the ledger's process as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

from flink_testbed.core.problem import nearest

_VARIABLE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
_UNMATCHED_STATUS = 404
# The method of a tool of an MCP server, whose path is the tool's name.
TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of a route: a JSON value or a text.

    Strings may hold ``${request...}``, see :mod:`template`.
    """

    status: int = 200
    json: Any = None
    text: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the answer; ``times`` is how many calls get it, None for all.

    ``reset`` is ``before`` or ``after`` the call is recorded: before, the service never saw it;
    after, it did its work and the caller does not know. ``slow_s`` is the time that the body takes.
    """

    delay_s: float = 0.0
    status: int | None = None
    retry_after_s: float | None = None
    reset: str = ""
    malformed: bool = False
    slow_s: float = 0.0
    times: int | None = None

    @property
    def words(self) -> str:
        """The fault in one or two words of the scenario language."""
        given = {
            "delay": self.delay_s > 0,
            f"status {self.status}": self.status is not None,
            f"reset {self.reset}": bool(self.reset),
            "malformed": self.malformed,
            "slow": self.slow_s > 0,
        }
        return ", ".join(word for word, is_given in given.items() if is_given)


@dataclass(frozen=True, slots=True)
class Route:
    """One method and path of an endpoint.

    A path may have variables: ``/refunds/{id}``. With ``idempotent`` a repeated ``Idempotency-Key``
    gets the first answer again. A route with the method :data:`TOOL` is a tool of an MCP server;
    ``description`` and ``arguments``, a JSON Schema, are what it says of itself.
    """

    endpoint: str
    method: str
    path: str
    reply: Reply = Reply()
    fault: Fault | None = None
    idempotent: bool = False
    description: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The route as a scenario writes it."""
        return f"{self.method} {self.path}"


@lru_cache(maxsize=1024)
def _pattern(path: str) -> re.Pattern[str]:
    parts = _VARIABLE.split(path)
    # Every second part is the name of a variable.
    text = "".join(f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
    return re.compile(text)


def variables_of(path: str) -> list[str]:
    """Return the names of a path's variables."""
    return _VARIABLE.findall(path)


def find_route(
    routes: Iterable[Route], endpoint: str, method: str, path: str
) -> tuple[Route, Mapping[str, str]] | None:
    """Return the first route for a call and its variables; a path without variables comes first."""
    fitting = [
        (route, found.groupdict())
        for route in routes
        if route.endpoint == endpoint and route.method == method and (found := _pattern(route.path).fullmatch(path))
    ]
    return min(fitting, key=lambda one: len(one[1]), default=None) if len(fitting) > 1 else next(iter(fitting), None)


def unmatched_text(routes: Iterable[Route], endpoint: str, method: str, path: str) -> str:
    """Return the message to a caller whose call has no route."""
    is_tool = method == TOOL
    known = [route.path if is_tool else route.name for route in routes if route.endpoint == endpoint]
    wanted = path if is_tool else f"{method} {path}"
    near = nearest(wanted, known)
    ending = f"; the nearest is {near}" if near else ""
    kind = "tool" if is_tool else "route"
    return f"{endpoint} has no {kind} {wanted}: it has {', '.join(known) or 'none'}{ending}"


def unmatched_reply(text: str) -> Reply:
    """Return the answer to a call without a route."""
    return Reply(status=_UNMATCHED_STATUS, json={"error": text})


def routes_as_data(routes: Iterable[Route]) -> list[dict[str, Any]]:
    """Return routes as JSON data."""
    return [asdict(route) for route in routes]


def routes_from_data(data: Iterable[Mapping[str, Any]]) -> tuple[Route, ...]:
    """Return the routes of :func:`routes_as_data`."""
    return tuple(
        Route(**{**one, "reply": Reply(**one["reply"]), "fault": Fault(**one["fault"]) if one["fault"] else None})
        for one in data
    )
