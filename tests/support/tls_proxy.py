"""A proxy in front of Flink that requires TLS, a client certificate and a token. Not a test module.

It listens on loopback, refuses requests that lack one of them, and counts both kinds.
"""

from __future__ import annotations

import http.client
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from typing_extensions import Self

CERTIFICATES = Path(__file__).with_name("certificates")


class TlsProxy:
    """Serves ``https://127.0.0.1:PORT`` in threads; each request must carry ``token``."""

    def __init__(self, target: str, token: str) -> None:
        self.passed = self.refused = 0
        self.target, self.token = urlsplit(target), token
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATES / "server.pem", CERTIFICATES / "server.key")
        context.load_verify_locations(CERTIFICATES / "authority.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        self._server = _Server(self)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, name="tls proxy", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: TlsProxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy

    def handle_error(self, *_: Any) -> None:
        """Ignore clients without a certificate."""


class _Handler(BaseHTTPRequestHandler):
    """Forwards a request to Flink if it carries the token."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def _any(self) -> None:
        proxy, body = self.server.proxy, self._body()
        if self.headers.get("Authorization") != f"Bearer {proxy.token}":
            proxy.refused += 1
            self._reply(401, {"Content-Type": "text/plain"}, b"who are you?")
            return
        proxy.passed += 1
        kept = {name: value for name, value in self.headers.items() if name.lower() in ("content-type", "accept")}
        flink = http.client.HTTPConnection(str(proxy.target.hostname), proxy.target.port, timeout=120)
        flink.request(self.command, self.path, body=body, headers=kept)
        answer = flink.getresponse()
        self._reply(answer.status, {"Content-Type": answer.getheader("Content-Type", "")}, answer.read())
        flink.close()

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _any

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
