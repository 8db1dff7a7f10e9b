"""A bounded HTTP server on loopback, for the servers that a job under test calls.

The job is not trusted to behave: it may open thousands of connections, send a body without end, or
stop in the middle of a header. Each of these costs a bounded amount of memory and time here.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from aiohttp import web

from flink_testbed.core.ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping

_BACKLOG = 1024
# Bytes that are read and dropped after a refusal, so that the client gets the answer and not a reset.
_DRAIN_S = 1.0
_PIECES = 20
_STOP_S = 0.5
# Turns of the loop until an accepted connection is made, and until an aborted one is lost.
_TURNS = 4
# With a linger time of 0, closing a socket sends a reset.
_RESET = struct.pack("ii", 1, 0)
_TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 20\r\n\r\n"
    b"too many connections"
)


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """The bounds of a server.

    ``idle_s`` is the time without a whole header, between requests too; ``body_s`` the time for a
    body.
    """

    body_bytes: int
    connections: int = 1000
    idle_s: float = 60.0
    body_s: float = 20.0


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A response, and what goes wrong with it on purpose.

    It is sent after ``delay_s``, its body over ``body_s``. With ``reset`` the connection is reset
    instead; with ``truncate`` the header announces the whole body, and half of it is sent.
    """

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    body_s: float = 0.0
    reset: bool = False
    truncate: bool = False


class BodyError(Exception):
    """A request body that is refused, with the status of the refusal."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


T = TypeVar("T", bytes, bytearray)
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class BoundedServer(web.Server):
    """Serve one handler within limits. Belongs to one event loop."""

    def __init__(self, handler: Handler, limits: HttpLimits) -> None:
        super().__init__(
            handler,
            keepalive_timeout=limits.idle_s,
            lingering_time=_DRAIN_S,
            # A compressed body could be a thousand times as large as its bytes.
            auto_decompress=False,
            access_log=None,
        )
        self._limits = limits
        self._open: dict[web.RequestHandler, asyncio.Transport] = {}
        self._listener: asyncio.Server | None = None

    async def listen(self) -> int:
        """Listen on a free port of loopback and return it; raise OSError if there is none."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self, LOOPBACK, 0, backlog=_BACKLOG)
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Count a connection, or refuse one beyond the limit without reading from it."""
        super().connection_made(handler, transport)
        if len(self._open) < self._limits.connections:
            self._open[handler] = transport
        else:
            transport.write(_TOO_MANY)
            transport.close()

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Count the end of a connection."""
        self._open.pop(handler, None)
        super().connection_lost(handler, exc)

    async def read_body(self, request: web.BaseRequest, limit: int | None = None) -> bytes:
        """Return a request's body; raise :class:`BodyError` if it is too long or too slow.

        ``limit`` replaces that of the server (bytes).
        """
        limit = limit or self._limits.body_bytes
        if (request.content_length or 0) > limit:
            raise BodyError(413, f"a body of {request.content_length} bytes exceeds the limit of {limit}")
        if not request.body_exists:
            return b""
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            # The response has not begun with it.
            request.writer.output_size = 0
        if request.content.is_eof():
            return _within(request.content.read_nowait(), limit)
        try:
            return await asyncio.wait_for(_read(request, limit), self._limits.body_s)
        except asyncio.TimeoutError:
            raise BodyError(408, f"the body took longer than {self._limits.body_s:g} s") from None

    async def close(self) -> None:
        """Close the listener and reset all connections; none is left when the loop ends right after this."""
        if self._listener:
            # Before Python 3.12 a listener that closes forgets the connections that it has accepted but not made yet.
            for listening in self._listener.sockets:
                asyncio.get_running_loop().remove_reader(listening.fileno())
            await _turns(_TURNS)
            self._listener.close()
        for transport in tuple(self._open.values()):
            transport.abort()
        await self.shutdown(_STOP_S)
        await _turns(_TURNS)


async def _turns(count: int) -> None:
    """Let the loop go on with what it has begun."""
    for _ in range(count):
        await asyncio.sleep(0)


async def _read(request: web.BaseRequest, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        _within(body, limit)
    return bytes(body)


def _within(body: T, limit: int) -> T:
    if len(body) > limit:
        raise BodyError(413, f"a body exceeds the limit of {limit} bytes")
    return body


async def send(request: web.BaseRequest, answer: HttpAnswer, closed: asyncio.Event) -> web.StreamResponse:
    """Send an answer with its faults; ``closed`` ends its delays with a reset."""
    if await _waited(closed, answer.delay_s) or answer.reset:
        return _reset(request)
    headers = {"Content-Type": answer.content_type, **answer.headers}
    if not answer.truncate and not answer.body_s:
        return web.Response(status=answer.status, body=answer.body, headers=headers)
    response = web.StreamResponse(status=answer.status, headers=headers)
    response.content_length = len(answer.body)
    await response.prepare(request)
    if answer.truncate:
        await response.write(answer.body[: len(answer.body) // 2])
        return _cut(request, response)
    size = max(1, len(answer.body) // _PIECES)
    pieces = [answer.body[start : start + size] for start in range(0, len(answer.body), size)]
    for piece in pieces:
        # Before it: a client takes the last piece for the end.
        if await _waited(closed, answer.body_s / len(pieces)):
            return _reset(request)
        await response.write(piece)
    return response


async def _waited(closed: asyncio.Event, seconds: float) -> bool:
    """Wait that long; return True at once when the run has ended."""
    if seconds <= 0:
        return False
    try:
        await asyncio.wait_for(closed.wait(), seconds)
    except asyncio.TimeoutError:
        return False
    return True


def _reset(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        request.transport.abort()
    # aiohttp wants a response, and drops it: the connection is gone.
    return web.Response()


def _cut(request: web.BaseRequest, response: web.StreamResponse) -> web.StreamResponse:
    """Close the connection after what was written."""
    response.force_close()
    if request.transport is not None:
        request.transport.close()
    return response
