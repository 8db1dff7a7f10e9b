"""The model server: HTTP on loopback, in a daemon thread of this process, for jobs in other processes.

It moves bytes; what to answer is the channel's business. Knows no pytest and no scenario.
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

if TYPE_CHECKING:
    from types import TracebackType

    from flink_testbed.models.script import Script

BODY_LIMIT_BYTES = 8 * 1024 * 1024
_DRAIN_LIMIT_BYTES = 8 * BODY_LIMIT_BYTES
_STOP_S = 5.0
_GONE = "the client went away within its request"


@final
class ModelServer:
    """Serves any number of channels at one port. A context manager; :meth:`stop` ends every connection."""

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
        """Listen on a free port of loopback; raises :class:`HostError` where the system gives none."""
        assert self._http is None, "the model server runs already"
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
                    next_step="look at what this machine lets a process bind: ip address, ulimit -n",
                )
            ) from error
        threading.Thread(target=self._http.serve_forever, args=(0.1,), name="model server", daemon=True).start()

    def stop(self) -> None:
        """Close all channels and connections, within a few seconds; does nothing when not running."""
        if self._http:
            self._http.stop()
            self._http = None

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._http is not None, "start the model server first"
        return int(self._http.server_address[1])

    def channel(self, script: Script) -> Channel:
        """Open an address of its own for this script; close it with the scenario run."""
        assert self._http is not None, "start the model server first"
        channels = self._http.channels
        token = secrets.token_hex(8)
        url = f"http://{LOOPBACK}:{self.port}/{token}"
        channel = Channel(url, script, on_close=lambda: channels.pop(token, None))
        channels[token] = channel
        return channel


class _LoopbackServer(socketserver.ThreadingTCPServer):
    """A thread a connection; knows its open connections, so that it can end them."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        self.channels: dict[str, Channel] = {}
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        super().__init__((LOOPBACK, 0), _Handler)

    def stop(self) -> None:
        """End the listener, the delays and the connections, and see the handlers gone as far as ``_STOP_S`` allows."""
        deadline = now_s() + _STOP_S
        self.shutdown()
        self.server_close()
        for channel in list(self.channels.values()):
            channel.close()
        with self._changed:
            for connection in self._open:
                _hang_up(connection)
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
        # A client that goes away is its own business; a bug of ours is printed.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection: reads requests, asks the channel, sends what it says."""

    server: _LoopbackServer
    protocol_version = "HTTP/1.1"
    server_version = "scripted-model"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one packet

    def handle_expect_100(self) -> bool:
        """Tell a waiting client to go on at once: the base class leaves the words in the buffer."""
        self.send_response_only(100)
        self.end_headers()
        self.wfile.flush()
        return True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it so
        """Print nothing: the channel keeps the record."""

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
        text = f"scripted model: no channel at {self.path}: its address is wrong, or its run is over"
        return Delivery(404, wire_of(path).write_error(text))

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal():
            raise _BodyError(400, f"the Content-Length {length!r} is not a number")
        if int(length) > BODY_LIMIT_BYTES:
            self._drain(int(length))
            raise _BodyError(413, f"a body of {length} bytes is over the limit of {BODY_LIMIT_BYTES}")
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
                raise _BodyError(413, f"a body in chunks is over the limit of {BODY_LIMIT_BYTES} bytes")
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
        # A client that is still writing when we close gets a reset instead of our answer.
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
        # With no time to linger, close() sends a reset. The file objects around the socket would put it off: take the
        # descriptor out of their hands.
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())


class _BodyError(Exception):
    """A request body that is not taken."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # it is gone already
        return
