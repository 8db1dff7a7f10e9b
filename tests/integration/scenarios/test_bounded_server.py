"""Clients that are slow or stop in the middle are closed after the server's limits."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest
from aiohttp import web

from flink_testbed.core.clock import now_s
from flink_testbed.core.http_server import BodyError, BoundedServer, HttpLimits

LIMITS = HttpLimits(body_bytes=1000, connections=3, idle_s=0.5, body_s=0.5)
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    """A server that returns the length of a body, or the refusal."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return web.Response(text=str(len(await server.read_body(request))))
        except BodyError as error:
            return web.Response(status=error.status, text=str(error))

    async def new() -> BoundedServer:
        return BoundedServer(handle, LIMITS)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(new(), loop).result()
    yield "127.0.0.1", asyncio.run_coroutine_threadsafe(server.listen(), loop).result()
    asyncio.run_coroutine_threadsafe(server.close(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def answer_to(address: tuple[str, int], request: bytes) -> tuple[bytes, float]:
    """Return what comes back until the server closes the connection, and when it did."""
    started, received = now_s(), b""
    with socket.create_connection(address, timeout=60) as client:
        client.sendall(request)
        while data := client.recv(1000):
            received += data
    return received, now_s() - started


@pytest.mark.parametrize("start", [b"", b"PO", HEAD, HEAD + b"X: " + b"y" * 100])
def test_a_connection_without_a_whole_header_is_closed(address: tuple[str, int], start: bytes) -> None:
    received, after_s = answer_to(address, start)
    assert received == b""
    assert 0.4 < after_s < 30


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 10\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"]
)
def test_a_body_that_does_not_come_is_refused(address: tuple[str, int], framing: bytes) -> None:
    received, _ = answer_to(address, HEAD + framing)
    assert received.startswith(b"HTTP/1.1 408")
    assert b"the body took longer than 0.5 s" in received


def test_a_compressed_body_stays_compressed(address: tuple[str, int]) -> None:
    received, _ = answer_to(address, HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00")
    assert received.startswith(b"HTTP/1.1 200")
    assert received.endswith(b"4")


def test_a_kept_connection_is_closed_when_it_is_idle(address: tuple[str, int]) -> None:
    received, after_s = answer_to(address, HEAD + b"Content-Length: 2\r\n\r\nab")
    assert received.startswith(b"HTTP/1.1 200")
    assert after_s < 30


@pytest.mark.parametrize("turns", range(6))
def test_a_connection_that_comes_while_the_server_closes_is_closed(turns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """``turns`` of the loop lie between the connection and the end: it is waiting, accepted or made by then."""
    unclosed: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", unclosed.append)

    async def connected_late() -> socket.socket:
        server = BoundedServer(nothing, LIMITS)
        client = socket.create_connection(("127.0.0.1", await server.listen()))
        for _ in range(turns):
            await asyncio.sleep(0)
        await server.close()
        return client

    async def nothing(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response()

    # Not asyncio.run: it gives the loop further turns.
    loop = asyncio.new_event_loop()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        client = loop.run_until_complete(connected_late())
        loop.close()
        del loop
        gc.collect()
    client.close()
    assert unclosed == []
