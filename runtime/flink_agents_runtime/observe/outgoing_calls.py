"""Let an action's calls to the harness carry their cause.

``http.client`` is below urllib, urllib3 and requests; httpx and httpx2 are below the clients of most
models. Only the addresses that the harness makes for a run are touched: loopback, with an unguessable
first part of the path. aiohttp and other libraries send no cause.
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import re
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from flink_agents_runtime.engine.cause import current_attempt, current_cause, in_durable_call

KEY, INPUT, ACTION = "X-Flink-Agents-Key", "X-Flink-Agents-Input", "X-Flink-Agents-Action"
# Only a replay has attempts: which one it is, how many of its steps are recorded, and whether the call is a durable one.
ATTEMPT, STEP, DURABLE = "X-Flink-Agents-Attempt", "X-Flink-Agents-Step", "X-Flink-Agents-Durable"
_OF_THE_HARNESS = re.compile(r"/(?:effects|model)-[0-9a-f]{32}/")
_LOOPBACK = "127.0.0.1"
# A server refuses a request with a longer header.
_MAX_CHARACTERS = 2000
_CLIENTS = ("httpx", "httpx2")
_put_request = http.client.HTTPConnection.putrequest


def carry_causes() -> None:
    """Patch the HTTP clients of this process; further calls change nothing."""
    http.client.HTTPConnection.putrequest = _putrequest  # type: ignore[method-assign]
    if any(isinstance(finder, _ClientFinder) for finder in sys.meta_path):
        return
    for name in _CLIENTS:
        if name in sys.modules:
            _patch(sys.modules[name])
    sys.meta_path.insert(0, _ClientFinder())


def _cause_headers(host: str, path: str) -> dict[str, str]:
    """Return the headers for a request, none if it does not go to the harness."""
    cause = current_cause()
    if cause is None or host != _LOOPBACK or not _OF_THE_HARNESS.match(path):
        return {}
    # JSON, because a header holds no other characters than ASCII.
    named = {KEY: json.dumps(cause.key), ACTION: json.dumps(cause.action)}
    headers = {name: value for name, value in named.items() if len(value) <= _MAX_CHARACTERS}
    if cause.input is not None:
        headers[INPUT] = str(cause.input)
    attempt = current_attempt()
    if attempt is not None:
        headers |= {ATTEMPT: str(attempt.number), STEP: str(attempt.steps), DURABLE: str(int(in_durable_call()))}
    return headers


def _putrequest(self: http.client.HTTPConnection, method: str, url: str, *args: Any, **options: Any) -> None:
    _put_request(self, method, url, *args, **options)
    for name, value in _cause_headers(self.host, url).items():
        self.putheader(name, value)


class _ClientFinder(MetaPathFinder):
    """Patch httpx and httpx2 when they are imported.

    To import them here would cost each run half a second, and most agents do not use them.
    """

    def __init__(self) -> None:
        self._searched: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the module's own spec, whose loader patches it; None for any other module."""
        if fullname not in _CLIENTS or fullname in self._searched:
            return None
        self._searched.add(fullname)
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._searched.discard(fullname)
        if spec is not None and spec.loader is not None:
            # The loader stays the same object, which tracebacks ask for the source.
            spec.loader.exec_module = _then_patch(spec.loader.exec_module)  # type: ignore[assignment, method-assign]
        return spec


def _then_patch(execute: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
    def execute_and_patch(module: ModuleType) -> None:
        execute(module)
        _patch(module)

    return execute_and_patch


def _patch(module: ModuleType) -> None:
    for client in (module.Client, module.AsyncClient):
        client.send = _sending(client.send)


def _sending(send: Callable[..., Any]) -> Callable[..., Any]:
    """Return a client's method ``send``, of which an asynchronous one returns a coroutine."""

    @wraps(send)
    def send_with_cause(self: Any, request: Any, **options: Any) -> Any:
        request.headers.update(_cause_headers(request.url.host, request.url.path))
        return send(self, request, **options)

    return send_with_cause
