"""The model server: HTTP on loopback, in a daemon thread.

The server transports bytes; the channel decides on the responses.
"""

from __future__ import annotations

import secrets
import socket
import socketserver
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, final
from urllib.parse import urlsplit

from flink_testbed.core.clock import now_s
from flink_testbed.core.ports import LOOPBACK
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.models.channel import Channel, Delivery, wire_of
from flink_testbed.models.script import Script, parse_script

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

BODY_LIMIT_BYTES = 8 * 1024 * 1024
_DRAIN_LIMIT_BYTES = 8 * BODY_LIMIT_BYTES
_STOP_S = 5.0
_GONE = "the client disconnected in the middle of its request"


@final
class ModelServer:
    """Serve any number of channels at one port. A context manager."""

    def __init__(self) -> None:
        self._http: _LoopbackServer | None = None

    def __enter__(self) -> ModelServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen on a free port of loopback.

        Raises :class:`HostError` FA420 if that fails.
        """
        assert self._http is None, "the model server is already running"
        try:
            self._http = _LoopbackServer()
        except OSError as error:
            raise HostError(
                Problem(
                    "FA420",
                    "the model server cannot listen",
                    where=LOOPBACK,
                    expected="a free port on loopback",
                    seen=str(error),
                    next_step="check the loopback interface (ip address) and the limit of open files (ulimit -n)",
                )
            ) from error
        threading.Thread(target=self._http.serve_forever, args=(0.1,), name="model server", daemon=True).start()

    def stop(self) -> None:
        """Close all channels and connections within a few seconds.

        No effect if the server does not run.
        """
        if self._http:
            self._http.stop()
            self._http = None

    @property
    def port(self) -> int:
        """The port."""
        assert self._http is not None, "start the model server first"
        return int(self._http.server_address[1])

    def channel(self, script: Script | Sequence[Mapping[str, Any]]) -> Channel:
        """Open a channel at an unguessable address, for a script or its plain rules.

        The caller closes it after the run. Raises ``ValueError`` for a wrong rule.
        """
        assert self._http is not None, "start the model server first"
        channels = self._http.channels
        token = secrets.token_hex(8)
        url = f"http://{LOOPBACK}:{self.port}/{token}"
        parsed = script if isinstance(script, Script) else parse_script(script)
        channel = Channel(url, parsed, on_close=lambda: channels.pop(token, None))
        channels[token] = channel
        return channel


class _LoopbackServer(socketserver.ThreadingTCPServer):
    """A thread per connection, and the set of open connections.

    stop() closes them.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        self.channels: dict[str, Channel] = {}
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        super().__init__((LOOPBACK, 0), _Handler)

    def stop(self) -> None:
        """Close listener, channels and connections; wait up to ``_STOP_S`` for the handlers."""
        deadline = now_s() + _STOP_S
        self.shutdown()
        self.server_close()
        for channel in list(self.channels.values()):
            channel.close()
        with self._changed:
            for connection in self._open:
                _shut_down(connection)
            self._changed.wait_for(lambda: not self._open, timeout=max(0.0, deadline - now_s()))

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._changed:
            self._open.discard(request)
            self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client may disconnect at any time; any other error is a bug and is printed.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection: read requests, ask the channel, send its responses."""

    server: _LoopbackServer
    protocol_version = "HTTP/1.1"
    server_version = "scripted-model"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one packet

    def handle_expect_100(self) -> bool:
        """Send 100 Continue at once.

        The base class leaves it in the buffer.
        """
        self.send_response_only(100)
        self.end_headers()
        self.wfile.flush()
        return True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it so
        """Print nothing: the channel records the calls."""

    def do_GET(self) -> None:
        """Answer a GET."""
        channel, path = self._route()
        self._send(channel, channel.get(path) if channel else self._no_channel(path))

    def do_POST(self) -> None:
        """Answer a POST."""
        channel, path = self._route()
        try:
            body = self._read_body()
        except _BodyError as error:
            self.close_connection = True
            refusal = channel.refuse(path, error.status, str(error)) if channel else self._no_channel(path)
            self._send(channel, refusal)
            return
        self._send(channel, channel.post(path, body) if channel else self._no_channel(path))

    def _route(self) -> tuple[Channel | None, str]:
        token, _, path = urlsplit(self.path).path.lstrip("/").partition("/")
        return self.server.channels.get(token), "/" + path

    def _no_channel(self, path: str) -> Delivery:
        text = f"scripted model: no channel at {self.path}: the address is wrong, or its run has ended"
        return Delivery(404, wire_of(path).write_error(text))

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal():
            raise _BodyError(400, f"the Content-Length {length!r} is not a number")
        if int(length) > BODY_LIMIT_BYTES:
            self._drain(int(length))
            raise _BodyError(413, f"a body of {length} bytes exceeds the limit of {BODY_LIMIT_BYTES}")
        return self._read(int(length))

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while line := self.rfile.readline(256):
            size = line.split(b";")[0].strip()
            try:
                length = int(size, 16)
            except ValueError:
                raise _BodyError(400, f"the chunk size {size!r} is not a number") from None
            if not 0 <= length <= BODY_LIMIT_BYTES - len(body):
                raise _BodyError(413, f"a chunked body exceeds the limit of {BODY_LIMIT_BYTES} bytes")
            if length == 0:
                while self.rfile.readline(65536).strip():  # trailers
                    pass
                return bytes(body)
            body += self._read(length)
            self.rfile.readline(8)
        raise ConnectionAbortedError(_GONE)

    def _read(self, length: int) -> bytes:
        data = self.rfile.read(length)
        if len(data) < length:
            raise ConnectionAbortedError(_GONE)
        return data

    def _drain(self, length: int) -> None:
        # If the connection closes while the client still writes, it gets a reset instead of the response.
        left = min(length, _DRAIN_LIMIT_BYTES)
        while left > 0:
            data = self.rfile.read(min(left, 65536))
            left = left - len(data) if data else 0

    def _send(self, channel: Channel | None, delivery: Delivery) -> None:
        was_closed = bool(delivery.delay_s) and channel is not None and channel.closed.wait(delivery.delay_s)
        if delivery.reset or was_closed:
            self._reset()
            return
        data = delivery.body.data
        self.send_response(delivery.status)
        self.send_header("Content-Type", delivery.body.content_type)
        self.send_header("Content-Length", str(len(data)))
        if delivery.retry_after_s is not None:
            self.send_header("Retry-After", f"{delivery.retry_after_s:g}")
        if delivery.truncate:
            self.close_connection = True
            data = data[: len(data) // 2]
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def _reset(self) -> None:
        # With a linger time of 0, close() sends a reset. detach() is needed because the file objects that
        # wrap the socket would delay the close.
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())


class _BodyError(Exception):
    """A request body that is refused."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def _shut_down(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # closed already
        return
