"""The reply in a response of a model's service, for the record of calls; pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flink_testbed.models.exchange import Answered
    from flink_testbed.models.rule import Reply, Usage
    from flink_testbed.models.wire import Wire

# The lowest HTTP status of an error.
_ERROR = 400


def read_response(wire: Wire, response: Answered) -> tuple[Reply | None, Usage | None]:
    """Return the reply and the usage in a response; no reply if it is an error or cannot be read."""
    if response.status >= _ERROR:
        return None, None
    try:
        return wire.read_reply(list(_documents(response.body)))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return None, None


def _documents(text: str) -> Iterator[Mapping[str, Any]]:
    """Yield the JSON objects of a response: one, one a line, or those of server-sent events."""
    try:
        yield json.loads(text)
    except ValueError:
        for line in text.splitlines():
            data = line.removeprefix("data:").strip()
            if data.startswith("{"):
                yield json.loads(data)
