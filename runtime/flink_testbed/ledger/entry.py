"""One line of the ledger: a call, as it is written and read."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KEY, INPUT, ATTEMPT = "X-Flink-Agents-Key", "X-Flink-Agents-Input", "X-Flink-Agents-Attempt"
STEP, DURABLE, ACTION = "X-Flink-Agents-Step", "X-Flink-Agents-Durable", "X-Flink-Agents-Action"
IDEMPOTENCY_KEY = "Idempotency-Key"
_CARRIED = (KEY, INPUT, ATTEMPT, STEP, DURABLE, ACTION, IDEMPOTENCY_KEY)
# The lowest HTTP status of a refusal.
_REFUSED = 400
# Methods that ask and change nothing, by the definition of HTTP.
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# The fault of a call whose body was not read to its end.
REFUSED_BODY = "refused body"
ENDED_EARLY = "the effects ledger ended before the run"


@dataclass(frozen=True, slots=True)
class Seen:
    """A call as it came in; ``carried`` has the headers that name its cause."""

    source: str
    endpoint: str
    method: str
    path: str
    query: Mapping[str, str | list[str]] = field(default_factory=dict)
    carried: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class EffectCall:
    """One call from the job to the outside, as the ledger wrote it.

    ``source`` is ``effects`` for an endpoint of a run, ``llm`` for the model server; ``endpoint``
    is the endpoint's name, ``route`` the declared route that answered, such as ``POST /refunds``,
    empty if none did. ``sequence`` counts from 1 without gaps; ``at_s`` is seconds since 1970. A
    call of a tool of an MCP server has the method ``tool``, the tool's name as its ``path``, and
    the arguments as its ``body``.

    ``key``, ``input`` (its number, from 0), ``attempt`` (from 0) and ``action`` are None if the call
    does not carry them. ``body`` is decoded JSON, or text if ``is_text``; ``body_digest`` is the sha256 of the
    bytes, in hexadecimal. ``status`` is None if the connection was reset. ``fault`` names the scripted fault;
    ``replayed`` marks a repeated idempotency key that got the first answer again.

    The engine sends the attempt in a replay only; other calls have one if the agent or the job sends
    it. ``step`` and ``durable`` are of a replay, too: the number of records that the action state
    store had of the input, and if the call was made in a durable one.
    """

    sequence: int
    at_s: float
    source: str
    endpoint: str
    route: str
    method: str
    path: str
    query: Mapping[str, str | list[str]] = field(default_factory=dict)
    key: Any = None
    input: int | None = None
    attempt: int | None = None
    idempotency_key: str | None = None
    body: Any = None
    body_digest: str = ""
    status: int | None = None
    fault: str = ""
    replayed: bool = False
    step: int | None = None
    durable: bool = False
    action: str | None = None
    is_text: bool = False

    @property
    def asks(self) -> bool:
        """True if the call changes nothing, so that it may be repeated: a question, or one to a model."""
        return self.source == "llm" or self.method in _SAFE

    @property
    def accepted(self) -> bool:
        """True if the endpoint took the call.

        A status of 400 or more refuses it. A reset after the call counts: the caller does not know
        that the work is done.
        """
        return bool(self.route) and (self.status is None or self.status < _REFUSED)

    @property
    def content(self) -> str:
        """A text that is equal for calls with the same method, address and body.

        The order of a JSON object's names does not count. As text, because 1, 1.0 and True are equal
        in Python.
        """
        parts = [self.source, self.endpoint, self.method, self.path, dict(self.query), self.body]
        return json.dumps(parts, sort_keys=True)


@dataclass(frozen=True, slots=True)
class History:
    """The calls of one run; ``unknown`` says why some may be missing, empty if none can be."""

    entries: tuple[EffectCall, ...] = ()
    unknown: str = ""


def carried_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that name the cause of a call."""
    return {name: value for name in _CARRIED if (value := headers.get(name)) is not None}


def entry_line(
    seen: Seen, *, sequence: int, at_s: float, route: str, status: int | None, fault: str, replayed: bool
) -> bytes:
    """Return a call as one line of the file."""
    return (
        json.dumps(
            {
                "sequence": sequence,
                "at_s": at_s,
                "source": seen.source,
                "endpoint": seen.endpoint,
                "route": route,
                "method": seen.method,
                "path": seen.path,
                "query": dict(seen.query),
                "carried": dict(seen.carried),
                # Bytes that are no UTF-8 stay distinct, and the digest is that of the bytes.
                "body": seen.body.decode("utf-8", "backslashreplace"),
                "body_digest": hashlib.sha256(seen.body).hexdigest(),
                "status": status,
                "fault": fault,
                "replayed": replayed,
            }
        ).encode()
        + b"\n"
    )


def call_seen(seen: Seen) -> EffectCall:
    """Return a call before it is written, without its number and time."""
    body, is_text = _body(seen.body.decode("utf-8", "backslashreplace"))
    return EffectCall(
        sequence=0,
        at_s=0.0,
        source=seen.source,
        endpoint=seen.endpoint,
        route="",
        method=seen.method,
        path=seen.path,
        query=seen.query,
        body=body,
        is_text=is_text,
    )


class HistoryReader:
    """Reads the calls in a file that grows, each of them once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read_to = 0
        self._entries: list[EffectCall] = []
        self._broken = ""
        self._lock = threading.Lock()

    def read(self, written: int | None) -> History:
        """Return all calls up to now.

        ``written`` is how many calls the ledger says it wrote; None if it did not say so at the end
        of the run. Then the file holds every call that was answered, but others may have been
        refused since the ledger's end.
        """
        with self._lock:
            if not self._broken:
                try:
                    self._add(self._new_lines())
                except OSError as error:
                    return History(tuple(self._entries), f"the file of the calls cannot be read: {error}")
            entries, unknown = tuple(self._entries), self._broken
        if not unknown and written is None:
            unknown = ENDED_EARLY
        elif not unknown and written != len(entries):
            unknown = f"the ledger wrote {written} calls, and the file has {len(entries)}"
        return History(entries, unknown)

    def _new_lines(self) -> list[bytes]:
        with self._file.open("rb") as stream:
            stream.seek(self._read_to)
            # A line without its end was never answered.
            return stream.read().split(b"\n")[:-1]

    def _add(self, lines: list[bytes]) -> None:
        for line in lines:
            number = len(self._entries) + 1
            try:
                entry = _entry(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                self._broken = f"line {number} of the calls cannot be read: {error}"
                return
            if entry.sequence != number:
                self._broken = f"call {number} is missing: the next in the file is call {entry.sequence}"
                return
            self._entries.append(entry)
            self._read_to += len(line) + 1


def _entry(data: Mapping[str, Any]) -> EffectCall:
    carried = data["carried"]
    body, is_text = _body(data["body"])
    return EffectCall(
        sequence=int(data["sequence"]),
        at_s=float(data["at_s"]),
        source=data["source"],
        endpoint=data["endpoint"],
        route=data["route"],
        method=data["method"],
        path=data["path"],
        query=data["query"],
        key=_json_or_text(carried.get(KEY)),
        input=_number(carried.get(INPUT)),
        attempt=_number(carried.get(ATTEMPT)),
        idempotency_key=carried.get(IDEMPOTENCY_KEY),
        body=body,
        body_digest=data["body_digest"],
        status=data["status"],
        fault=data["fault"],
        replayed=data["replayed"],
        step=_number(carried.get(STEP)),
        durable=carried.get(DURABLE) == "1",
        action=None if (action := _json_or_text(carried.get(ACTION))) is None else str(action),
        is_text=is_text,
    )


def _body(text: str) -> tuple[Any, bool]:
    """Return the value of a body, and whether it is text instead of JSON."""
    try:
        return (_json(text) if text else None), False
    except (ValueError, RecursionError):
        return text, True


def _json_or_text(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return _json(text)
    except (ValueError, RecursionError):
        return text


def _json(text: str) -> Any:
    """Return the value of a JSON text, which has no NaN. Raises ``ValueError`` or ``RecursionError``."""
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() and len(text) < 19 else None
