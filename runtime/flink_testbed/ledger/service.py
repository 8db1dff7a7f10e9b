"""The process of the effects ledger: HTTP on loopback for the job, pipes for the session.

The other side of the pipes is :class:`flink_testbed.ledger.ledger.EffectLedger`. Each run has two
unguessable first parts of a path: one for the job's calls, and one, which the job does not know, for
the calls that other servers of the session report.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from flink_testbed.core import clock
from flink_testbed.core.http_server import BodyError, BoundedServer, HttpAnswer, HttpLimits, send
from flink_testbed.ledger.book import Book, BookError
from flink_testbed.ledger.entry import Seen, carried_headers
from flink_testbed.ledger.mcp import answer_mcp
from flink_testbed.ledger.recording import Recording
from flink_testbed.ledger.routes import routes_from_data

LIMITS = HttpLimits(body_bytes=1024 * 1024, connections=1000)
_REQUEST_BYTES = 16 * 1024 * 1024
# The model server takes requests of 8 MiB, of which JSON may make six times as much.
_REPORT_BYTES = 64 * 1024 * 1024
_MAX_LOG_RECORDS = 200
# A version in the shadow may be ahead of the one that serves. Clients wait longer for an answer.
_SHADOW_WAITS_S = 10.0
_LOOK_S = 0.05


class _OpenBook:
    """A book, and the event that ends its delayed answers.

    With ``shadow`` a call waits for a while until the run that serves has made it.
    """

    def __init__(self, book: Book, *, shadow: bool = False) -> None:
        self.book = book
        self.shadow = shadow
        # The calls that wait for the run that serves.
        self.waiting = 0
        self.closed = asyncio.Event()

    async def wait_for(self, seen: Seen) -> None:
        """Wait until the run that serves has made a call, it is too late, or the book is closed."""
        until_s = clock.now_s() + _SHADOW_WAITS_S
        self.waiting += 1
        try:
            while not (self.book.can_answer(seen) or self.closed.is_set()) and clock.now_s() < until_s:
                await asyncio.sleep(_LOOK_S)
        finally:
            self.waiting -= 1


class Service:
    """The books of a session's open runs, by the first part of their paths."""

    def __init__(self) -> None:
        self.server = BoundedServer(self._handle, LIMITS)
        self._for_job: dict[str, _OpenBook] = {}
        self._for_session: dict[str, _OpenBook] = {}

    def request(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a request of the session and return the result."""
        token, secret = request["token"], request["secret"]
        if request["op"] == "open":
            held = request["recording"]
            recording = Recording(**held) if held is not None else None
            opened = _OpenBook(Book(routes_from_data(request["routes"]), Path(request["file"]), recording))
            self._for_job[token] = self._for_session[secret] = opened
            return {}
        if request["op"] == "shadow":
            of = self._for_job[request["of"]].book
            shadow = Book(routes_from_data(request["routes"]), Path(request["file"]), Recording({}, request["exact"]))
            of.show_to(shadow)
            self._for_job[token] = self._for_session[secret] = _OpenBook(shadow, shadow=True)
            return {}
        if request["op"] == "waiting":
            return {"waiting": self._for_session[secret].waiting}
        if request["op"] == "release":
            held, self._for_job[token] = self._for_job[token], self._for_job[request["of"]]
            return {"written": held.book.written}
        self._for_job.pop(token)
        opened = self._for_session.pop(secret)
        opened.closed.set()
        opened.book.close()
        return {"written": opened.book.written, "broken": opened.book.broken}

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        first, _, rest = request.path.lstrip("/").partition("/")
        opened, reports = self._for_job.get(first), self._for_session.get(first)
        if opened is None and reports is None:
            text = "effects ledger: no run at this address: the address is wrong, or the run has ended"
            return web.json_response({"error": text}, status=404)
        try:
            if reports is not None:
                return await self._report(reports.book, request)
            assert opened is not None
            return await self._call(opened, rest, request)
        except BookError:
            return await send(request, HttpAnswer(0, reset=True), asyncio.Event())

    async def _call(self, opened: _OpenBook, rest: str, request: web.BaseRequest) -> web.StreamResponse:
        endpoint, _, path = rest.partition("/")
        body, refusal = b"", None
        try:
            body = await self.server.read_body(request)
        except BodyError as error:
            refusal = error
        seen = Seen(
            "effects",
            endpoint,
            request.method,
            f"/{path}",
            _query(request) if request.query_string else {},
            carried_headers(request.headers),
            body,
        )
        if opened.closed.is_set():
            return await send(request, HttpAnswer(0, reset=True), opened.closed)
        if opened.shadow and not refusal:
            await opened.wait_for(seen)
            if opened.closed.is_set():
                return await send(request, HttpAnswer(0, reset=True), opened.closed)
        book = opened.book
        if refusal:
            answer = book.refuse(seen, refusal.status, str(refusal))
        else:
            answer = answer_mcp(book, seen) if endpoint in book.mcp_servers else book.answer(seen)
        response = await send(request, answer, opened.closed)
        if refusal:
            response.force_close()
        return response

    async def _report(self, book: Book, request: web.BaseRequest) -> web.StreamResponse:
        data = json.loads(await self.server.read_body(request, _REPORT_BYTES))
        body = data.pop("body").encode()
        status, fault = data.pop("status"), data.pop("fault")
        return web.json_response({"sequence": book.record(Seen(**data, body=body), status=status, fault=fault)})


def _query(request: web.BaseRequest) -> dict[str, str | list[str]]:
    """Return the query parameters; one that is there several times has all its values."""
    named = {name: request.query.getall(name) for name in request.query}
    return {name: values if len(values) > 1 else values[0] for name, values in named.items()}


async def serve() -> None:
    """Serve until standard input ends."""
    _allow_descriptors()
    service = Service()
    port = await service.server.listen()
    # What a library prints must not be taken for a reply.
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    replies.write(json.dumps({"port": port}).encode() + b"\n")
    requests = asyncio.StreamReader(limit=_REQUEST_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(requests), sys.stdin)
    while line := await requests.readline():
        request = json.loads(line)
        try:
            reply: dict[str, Any] = {"ok": True, "result": service.request(request)}
        except (OSError, KeyError) as error:
            reply = {"ok": False, "error": {"kind": "internal", "message": f"{type(error).__name__}: {error}"}}
        replies.write(json.dumps({"id": request["id"], **reply}).encode() + b"\n")
    await service.server.close()


def _allow_descriptors() -> None:
    """Raise the soft limit of open files to what the bounded connections need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = LIMITS.connections + 100
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )


class _FirstRecords(logging.Filter):
    """Let the first log records through: a client may send errors without end."""

    def __init__(self) -> None:
        super().__init__()
        self._left = _MAX_LOG_RECORDS

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is among the first."""
        self._left -= 1
        return self._left >= 0


def main() -> None:
    """Run the process."""
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("aiohttp.server").addFilter(_FirstRecords())
    asyncio.run(serve())
