"""An endpoint that keeps what calls say of their cause. Not a test module."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

# The runtime knows by the form of the first part that a call may carry its cause.
PATH = "/effects-" + "a" * 32 + "/payments"


@dataclass(frozen=True)
class Call:
    """The path of a call, and its headers."""

    path: str
    headers: Any

    def __getitem__(self, name: str) -> str | None:
        """Return the part of the cause with this name, such as ``Key``, None without one."""
        value: str | None = self.headers[f"X-Flink-Agents-{name}"]
        return value


@dataclass(frozen=True)
class CallLog:
    """A server on loopback, and the calls that it has answered."""

    port: int
    calls: list[Call] = field(default_factory=list)


@contextmanager
def call_log() -> Iterator[CallLog]:
    """Answer every POST with an empty object."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            log.calls.append(Call(self.path, self.headers))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: Any) -> None:
            """Print nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    log = CallLog(server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield log
    finally:
        server.shutdown()
        server.server_close()
