"""Requests to a model's real service."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from flink_testbed.models import wire_anthropic
from flink_testbed.models.exchange import Answered

if TYPE_CHECKING:
    from flink_testbed.models.tape import Endpoint

_LIMIT_BYTES = 16 * 1024 * 1024
# A long answer of a large model takes minutes; the run's own deadline is usually earlier.
_TIMEOUT = aiohttp.ClientTimeout(total=600, connect=30)
# Headers of the client that change the answer. Its own keys are not the service's.
_FORWARDED = ("Accept", "Anthropic-Beta", "Anthropic-Version", "OpenAI-Beta")


class VendorError(Exception):
    """The service gave no answer that can be used."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it is sent: the name of its format, its path at the service, its body and the client's headers."""

    wire: str
    path: str
    body: bytes
    headers: Mapping[str, str]


class Vendor:
    """Connections to services. Belongs to one event loop.

    The variables of proxies (``HTTPS_PROXY``, ``NO_PROXY``) count; redirections are answers, and are not followed.
    """

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def answer(
        self, endpoint: Endpoint, outgoing: Outgoing, closed: asyncio.Event
    ) -> tuple[Answered | None, str]:
        """Return the answer of a service, or None and the reason why there is none; ``closed`` ends the wait."""
        asking = asyncio.ensure_future(self._ask(endpoint, outgoing))
        ended = asyncio.ensure_future(closed.wait())
        await asyncio.wait({asking, ended}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if not asking.done():
            asking.cancel()
            return None, "the run ended before its answer"
        try:
            return asking.result(), ""
        except VendorError as error:
            return None, f"{endpoint.base}: {error}"

    async def _ask(self, endpoint: Endpoint, outgoing: Outgoing) -> Answered:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=True)
        headers = {name: value for name in _FORWARDED if (value := outgoing.headers.get(name))}
        headers |= {"Content-Type": "application/json", **_key_header(endpoint, outgoing.wire)}
        url = endpoint.base + outgoing.path
        try:
            async with self._session.post(url, data=outgoing.body, headers=headers, allow_redirects=False) as response:
                data = b""
                while len(data) <= _LIMIT_BYTES and (more := await response.content.read(_LIMIT_BYTES)):
                    data += more
                return _answered(response, data)
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError) as error:
            raise VendorError(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Close all connections."""
        if self._session:
            await self._session.close()


def _key_header(endpoint: Endpoint, wire: str) -> dict[str, str]:
    if not endpoint.key:
        return {}
    return {"x-api-key": endpoint.key} if wire == wire_anthropic.NAME else {"Authorization": f"Bearer {endpoint.key}"}


def _answered(response: aiohttp.ClientResponse, data: bytes) -> Answered:
    if len(data) > _LIMIT_BYTES:
        raise VendorError(f"an answer of more than {_LIMIT_BYTES} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise VendorError("an answer that is no UTF-8") from None
    retry_after_s = None
    with contextlib.suppress(ValueError):
        retry_after_s = max(0.0, float(response.headers.get("Retry-After", "")))
    return Answered(response.status, response.headers.get("Content-Type", "application/json"), text, retry_after_s)
