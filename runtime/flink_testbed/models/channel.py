"""A channel: a script at an address, and the calls to it.

The channel decides on the response; :mod:`flink_testbed.models.server` sends it.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from flink_testbed.core.clock import wall_time_s
from flink_testbed.core.patterns import SearchBudget
from flink_testbed.models.added_wire import AddedWire, FormatError
from flink_testbed.models.chat import EMBEDDING_ROLE, Body, ChatRequest, Stamp
from flink_testbed.models.embedding import read_embeddings, vector_of
from flink_testbed.models.rule import Fault, Usage
from flink_testbed.models.script import Answer, Script, Unmatched
from flink_testbed.models.wire import EMBEDDING_WIRES, WIRES, EmbeddingWire, Wire, unknown_path, wire_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

# Clients retry 408, 409, 429 and 5xx, but a request that no rule matches must fail at once.
UNMATCHED_STATUS = 422
_NOT_WRITTEN_STATUS = 500
# For all patterns and all requests of a scenario together; a second is the limit of each search.
_SEARCHES_S = 10.0
_PREFIX = "scripted model: "


@dataclass(frozen=True, slots=True)
class Call:
    """A request, recorded before its response was sent.

    - ``seq`` counts from 1 in a channel; ``wall_time_s`` is seconds since 1970.
    - ``messages`` are those of a chat; texts to embed are messages with the role ``embedding``.
    - ``tools`` are the names of the offered tools.
    - ``rule`` is the index of the matching rule, from 0, or None. Texts to embed need no rule.
    - ``reply`` is plain data: ``text`` and ``tool_calls``, or the number of ``embeddings``. If the
      client got no reply, it is empty and ``usage`` is None.
    - ``nearest`` is the reason for a refusal, empty otherwise.
    - ``status`` is the HTTP status, 0 for a reset; ``faults`` names the faults of the rule.
    """

    seq: int
    wall_time_s: float
    wire: str
    model: str
    messages: tuple[Mapping[str, Any], ...]
    tools: tuple[str, ...]
    rule: int | None
    reply: Mapping[str, Any]
    nearest: str
    status: int
    faults: tuple[str, ...]
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """The response or ``reset`` to send after ``delay_s``, and the names of its ``faults``.

    With ``truncate`` the header announces the whole body, but only half of it is sent.
    """

    status: int
    body: Body
    retry_after_s: float | None = None
    delay_s: float = 0.0
    reset: bool = False
    truncate: bool = False
    faults: tuple[str, ...] = ()


@final
class Channel:
    """A script at an address of its own, from :meth:`ModelServer.channel` until :meth:`close`.

    A context manager, and thread-safe. ``url`` is the address without a trailing slash; ``on_close``
    is called by :meth:`close`. ``added`` are formats beside the built-in ones.
    """

    def __init__(
        self, url: str, script: Script, on_close: Callable[[], object], added: Sequence[AddedWire] = ()
    ) -> None:
        self._added = {wire.name: wire for wire in added}
        self._wires: tuple[Wire, ...] = (*WIRES, *added)
        self._url = url
        self._script = script
        self._on_close = on_close
        self._lock = threading.Lock()
        self._searches = SearchBudget(_SEARCHES_S)
        self._answered: Counter[int] = Counter()
        self._calls: list[Call] = []

    def __enter__(self) -> Channel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def ollama_url(self) -> str:
        """The address for an Ollama client's host."""
        return self._url

    @property
    def openai_url(self) -> str:
        """The address for an OpenAI client's base URL."""
        return self._url + "/v1"

    @property
    def anthropic_url(self) -> str:
        """The address for an Anthropic client's base URL."""
        return self._url

    @property
    def added_urls(self) -> dict[str, str]:
        """The address of each added format, by its name."""
        return {name: f"{self._url}/{name}" for name in self._added}

    def wire_of(self, path: str) -> Wire:
        """Return the format that uses a path; the first part of an added format's path is its name."""
        return self._added.get(path.split("/")[1]) or wire_of(path)

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every call so far, in order of arrival."""
        with self._lock:
            return tuple(self._calls)

    @property
    def unmatched(self) -> tuple[Call, ...]:
        """The calls that were refused.

        No rule matched, or the request or its path was invalid.
        """
        return tuple(call for call in self.calls if call.nearest)

    def close(self) -> None:
        """Close the address and drop delayed responses; the record stays readable."""
        self._on_close()

    def get(self, path: str) -> Delivery:
        """Return the response to a GET.

        Some clients list versions or models before they chat.
        """
        models = self._script.models or ("scripted",)
        for wire in self._wires:
            body = wire.write_get(path, models, now_s=wall_time_s())
            if body:
                return Delivery(200, body)
        return Delivery(404, self.wire_of(path).write_error(_PREFIX + unknown_path("GET", path, self._wires)))

    def post(self, path: str, body: bytes) -> Delivery:
        """Record a POST of ``body`` to ``path`` and return the response."""
        for embedding_wire in EMBEDDING_WIRES:
            if path == embedding_wire.EMBED_PATH:
                return self._embed(embedding_wire, path, body)
        wire = self.wire_of(path)
        if path != wire.CHAT_PATH:
            return self.refuse(path, 404, unknown_path("POST", path, self._wires))
        try:
            request = wire.read_request(body)
        except ValueError as error:
            return self.refuse(path, 400, str(error))
        with self._lock, self._searches:
            answer = self._script.answer(request, self._answered)
            if isinstance(answer, Unmatched):
                return self._refuse(wire, request, UNMATCHED_STATUS, answer.text)
            self._answered[answer.rule] += 1
            return self._deliver(wire, request, answer)

    def refuse(self, path: str, status: int, text: str) -> Delivery:
        """Record an invalid POST and return the error response."""
        with self._lock:
            return self._refuse(self.wire_of(path), ChatRequest("", ()), status, text)

    def _refuse(self, wire: Wire, request: ChatRequest, status: int, text: str) -> Delivery:
        self._record(wire, request, refused=(status, text))
        return Delivery(status, wire.write_error(_PREFIX + text))

    def _embed(self, wire: EmbeddingWire, path: str, body: bytes) -> Delivery:
        """Return one vector per text, scripted or computed.

        Of several matching rules the first with a fault decides on the response, else the first.
        """
        try:
            request = read_embeddings(body)
        except ValueError as error:
            return self.refuse(path, 400, str(error))
        with self._lock, self._searches:
            vectors, first = [], None
            for text in request.texts:
                answer = self._script.answer(request.as_chat(text), self._answered)
                if isinstance(answer, Unmatched):
                    vectors.append(vector_of(text, request.dimensions))
                    continue
                self._answered[answer.rule] += 1
                vectors.append(answer.reply.embedding or vector_of(text, request.dimensions))
                first = first if first and first.fault else answer if answer.fault else first or answer
            usage = Usage(sum(len(text.split()) for text in request.texts), 0)
            seen = ChatRequest(
                request.model, tuple({"role": EMBEDDING_ROLE, "content": text} for text in request.texts)
            )
            call = self._record(wire, seen, answer=first, reply={"embeddings": len(vectors)}, usage=usage)
            return _delivery(wire, call, first, lambda: wire.write_embeddings(request, vectors, usage))

    def _deliver(self, wire: Wire, request: ChatRequest, answer: Answer) -> Delivery:
        call = self._record(wire, request, answer=answer, reply=answer.reply.as_data(), usage=answer.usage)
        stamp = Stamp(call.seq, call.wall_time_s)
        try:
            return _delivery(wire, call, answer, lambda: wire.write_reply(request, answer.reply, answer.usage, stamp))
        except FormatError as error:
            # The number of the call is part of the reply, so the call was recorded first.
            self._calls.pop()
            return self._refuse(wire, request, _NOT_WRITTEN_STATUS, str(error))

    def _record(
        self,
        wire: Wire,
        request: ChatRequest,
        *,
        answer: Answer | None = None,
        reply: Mapping[str, Any] | None = None,
        usage: Usage | None = None,
        refused: tuple[int, str] | None = None,
    ) -> Call:
        fault = (answer and answer.fault) or Fault()
        status, nearest = refused or (fault.status or (0 if fault.reset else 200), "")
        call = Call(
            seq=len(self._calls) + 1,
            wall_time_s=wall_time_s(),
            wire=wire.NAME,
            model=request.model,
            messages=request.messages,
            tools=request.tools,
            rule=answer.rule if answer else None,
            reply={} if fault.replaces_reply or reply is None else reply,
            nearest=nearest,
            status=status,
            faults=fault.names,
            usage=None if fault.replaces_reply else usage,
        )
        self._calls.append(call)
        return call


def _delivery(wire: Wire, call: Call, answer: Answer | None, write: Callable[[], Body]) -> Delivery:
    """Return the response to a recorded call, with the rule's fault.

    ``write`` makes the body of a reply.
    """
    fault = (answer and answer.fault) or Fault()
    if answer and fault.replaces_reply:
        body = wire.write_error(f"{_PREFIX}rule {answer.rule + 1} scripts this failure (status {call.status})")
    else:
        body = write()
    if fault.malformed:
        # Without closing braces the framing of a stream stays whole, and no JSON in it can be read.
        body = Body(body.content_type, body.data.replace(b"}", b""))
    return Delivery(call.status, body, fault.retry_after_s, fault.delay_s, fault.reset, fault.truncate, call.faults)
