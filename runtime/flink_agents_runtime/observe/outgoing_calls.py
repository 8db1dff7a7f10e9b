"""Let an action's calls to the harness carry their cause.

``http.client`` is below urllib, urllib3 and requests. Only the addresses that the harness makes for a
run are touched: loopback, with an unguessable first part of the path. Libraries with an HTTP
implementation of their own (httpx, aiohttp) send no cause.
"""

from __future__ import annotations

import http.client
import json
import re
from typing import Any

from flink_agents_runtime.engine.cause import current_cause

KEY, INPUT = "X-Flink-Agents-Key", "X-Flink-Agents-Input"
_OF_THE_HARNESS = re.compile(r"/(?:effects|model)-[0-9a-f]{32}/")
_LOOPBACK = "127.0.0.1"
# A server refuses a request with a longer header.
_MAX_CHARACTERS = 2000
_put_request = http.client.HTTPConnection.putrequest


def carry_causes() -> None:
    """Patch ``http.client`` of this process; further calls change nothing."""
    http.client.HTTPConnection.putrequest = _putrequest  # type: ignore[method-assign]


def _putrequest(self: http.client.HTTPConnection, method: str, url: str, *args: Any, **options: Any) -> None:
    _put_request(self, method, url, *args, **options)
    cause = current_cause()
    if cause is None or self.host != _LOOPBACK or not _OF_THE_HARNESS.match(url):
        return
    key = json.dumps(cause.key)
    if len(key) <= _MAX_CHARACTERS:
        self.putheader(KEY, key)
    if cause.input is not None:
        self.putheader(INPUT, str(cause.input))
