"""The book of one run: its routes, its file, and the answer to each call.

A call is in the file before :meth:`Book.answer` returns its answer. ``os.write`` hands the line to
the operating system, which keeps it if this process is killed at any moment; only a crash of the
whole machine can lose it, since waiting for the disk would cost milliseconds a call.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from flink_testbed.core.clock import wall_time_s
from flink_testbed.core.http_server import HttpAnswer
from flink_testbed.ledger.entry import IDEMPOTENCY_KEY, REFUSED_BODY, Seen, entry_line
from flink_testbed.ledger.recording import HELD_BACK, Held, Recording
from flink_testbed.ledger.routes import TOOL, Fault, Reply, Route, find_route, unmatched_reply, unmatched_text
from flink_testbed.ledger.template import RequestParts, fill, has_placeholder

_JSON, _TEXT = "application/json", "text/plain; charset=utf-8"
_NO_FAULT = Fault()
_HELD_STATUS = 403


class BookError(Exception):
    """A call that could not be written; its caller gets no answer."""


class Book:
    """The routes and the record of one run. For one thread.

    With a ``recording`` of an earlier run, only calls that this run made are answered.
    """

    def __init__(self, routes: Sequence[Route], file: Path, recording: Recording | None = None) -> None:
        self._routes = tuple(routes)
        self._held = Held(recording) if recording else None
        # The calls that another book may answer in the same way.
        self._shown: Held | None = None
        # Most replies are the same for each call.
        self._fixed = {
            (route.endpoint, route.name): _plain(route.reply)
            for route in routes
            if not has_placeholder([route.reply.json, route.reply.text, dict(route.reply.headers)])
        }
        # The endpoints that are MCP servers.
        self.mcp_servers = frozenset(route.endpoint for route in routes if route.method == TOOL)
        # A file that exists already belongs to another run.
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        self._faults: Counter[tuple[str, str]] = Counter()
        self._first: dict[tuple[str, str, str], HttpAnswer] = {}
        self.written = 0
        self.broken = ""

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def show_to(self, shadow: Book) -> None:
        """Let a book that has a recording answer the calls that this one records from now on."""
        self._shown = shadow._held

    def can_answer(self, seen: Seen) -> bool:
        """Return whether a call would not be held back."""
        if self._held is None or find_route(self._routes, seen.endpoint, seen.method, seen.path) is None:
            return True
        return self._held.has(seen)

    def tools(self, endpoint: str) -> list[Route]:
        """Return the tools of an endpoint."""
        return [route for route in self._routes if route.endpoint == endpoint and route.method == TOOL]

    def answer(self, seen: Seen) -> HttpAnswer:
        """Record a call of an endpoint and return its answer, with the faults that are due."""
        found = find_route(self._routes, seen.endpoint, seen.method, seen.path)
        if found is None:
            reply = unmatched_reply(unmatched_text(self._routes, seen.endpoint, seen.method, seen.path))
            self._write(seen, status=reply.status)
            return _plain(reply)
        route, variables = found
        number = self._held.take(seen) if self._held else self.written + 1
        if number is None:
            text = f"held back: the run that this one is compared with made no such call of {seen.endpoint}, or fewer"
            self._write(seen, route=route.name, status=_HELD_STATUS, fault=HELD_BACK)
            return _plain(Reply(status=_HELD_STATUS, json={"error": text}))
        repeated = (route.endpoint, route.name, seen.carried.get(IDEMPOTENCY_KEY, ""))
        if first := self._first.get(repeated):
            self._write(seen, route=route.name, status=first.status, replayed=True)
            return first
        fault = self._due(route)
        if fault.reset == "before":
            if self._held:
                self._held.give_back(seen, number)
            return HttpAnswer(0, reset=True, delay_s=fault.delay_s)
        fixed = self._fixed.get((route.endpoint, route.name))
        answer = fixed or _plain(self._filled(route.reply, seen, variables, number))
        status = None if fault.reset else fault.status or answer.status
        self._write(seen, route=route.name, status=status, fault="" if fault is _NO_FAULT else fault.words)
        # A service that failed by a status did no work: the next attempt is its first.
        if route.idempotent and repeated[2] and fault.status is None:
            self._first[repeated] = answer
        return answer if fault is _NO_FAULT else _faulty(answer, fault)

    def refuse(self, seen: Seen, status: int, text: str, why: str = REFUSED_BODY) -> HttpAnswer:
        """Record a call that was refused and return the refusal; ``why`` is the fault in a few words."""
        self._write(seen, status=status, fault=why)
        return _plain(Reply(status=status, json={"error": text}))

    def record(self, seen: Seen, *, status: int | None, fault: str) -> int:
        """Record a call that another server of the session answers; return its number."""
        self._write(seen, route=f"{seen.method} {seen.path}", status=status, fault=fault)
        return self.written

    def _due(self, route: Route) -> Fault:
        fault = route.fault
        of_route = (route.endpoint, route.name)
        if fault is None or (fault.times is not None and self._faults[of_route] >= fault.times):
            return _NO_FAULT
        self._faults[of_route] += 1
        return fault

    def _filled(self, reply: Reply, seen: Seen, variables: Mapping[str, str], number: int) -> Reply:
        try:
            data = json.loads(seen.body)
        except (ValueError, RecursionError):
            data = None
        parts = RequestParts(number, variables, seen.query, data)
        headers = {name: str(value) for name, value in fill(reply.headers, parts).items()}
        text = None if reply.text is None else str(fill(reply.text, parts))
        return replace(reply, json=fill(reply.json, parts), text=text, headers=headers)

    def _write(
        self, seen: Seen, *, status: int | None, route: str = "", fault: str = "", replayed: bool = False
    ) -> None:
        """Append a call, or raise :class:`BookError`; after one error nothing more is written."""
        if self.broken:
            raise BookError(self.broken)
        line = entry_line(
            seen,
            sequence=self.written + 1,
            at_s=wall_time_s(),
            route=route,
            status=status,
            fault=fault,
            replayed=replayed,
        )
        try:
            count = os.write(self._file, line)
        except OSError as error:
            self.broken = f"a call could not be written: {error}"
        else:
            if count != len(line):
                self.broken = "a call could not be written whole: the disk is full"
        if self.broken:
            raise BookError(self.broken)
        self.written += 1
        if self._shown and route and seen.source == "effects":
            self._shown.learn(seen, self.written)


def _plain(reply: Reply) -> HttpAnswer:
    headers = {name: value for name, value in reply.headers.items() if name.lower() != "content-type"}
    stated = next((value for name, value in reply.headers.items() if name.lower() == "content-type"), "")
    if reply.text is not None:
        return HttpAnswer(reply.status, reply.text.encode(), stated or _TEXT, headers)
    return HttpAnswer(reply.status, json.dumps(reply.json).encode(), stated or _JSON, headers)


def _faulty(answer: HttpAnswer, fault: Fault) -> HttpAnswer:
    if fault.reset:
        return HttpAnswer(0, reset=True, delay_s=fault.delay_s)
    if fault.status is not None:
        body = json.dumps({"error": f"the scenario scripts this failure: status {fault.status}"}).encode()
        headers = {} if fault.retry_after_s is None else {"Retry-After": f"{fault.retry_after_s:g}"}
        return HttpAnswer(fault.status, body, _JSON, headers, delay_s=fault.delay_s)
    # A JSON document without its closing brackets cannot be read, and no text is JSON after an opening one.
    body = b"{" + answer.body.replace(b"}", b"").replace(b"]", b"") if fault.malformed else answer.body
    return replace(answer, body=body, delay_s=fault.delay_s, body_s=fault.slow_s)
