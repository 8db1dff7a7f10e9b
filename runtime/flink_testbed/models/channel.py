"""A channel: a script at an address, and the calls to it.

The channel decides on the response; :mod:`flink_testbed.models.server` sends it.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, final

from flink_testbed.core.clock import wall_time_s
from flink_testbed.core.patterns import SearchBudget
from flink_testbed.models.added_wire import AddedWire, FormatError
from flink_testbed.models.call import Call, Delivery
from flink_testbed.models.call_log import CallLog
from flink_testbed.models.chat import Body, ChatRequest, Stamp, read_object
from flink_testbed.models.embedding import as_messages, read_embeddings, vector_of
from flink_testbed.models.recorded_reply import read_response
from flink_testbed.models.rule import Fault, Usage
from flink_testbed.models.script import Answer, Script, Unmatched
from flink_testbed.models.tape import Asked, NotRecorded, Tape, Told
from flink_testbed.models.wire import EMBEDDING_WIRES, WIRES, EmbeddingWire, Wire, unknown_path, wire_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from flink_testbed.models.exchange import Answered

# Clients retry 408, 409, 429 and 5xx, but a request that no rule matches must fail at once.
UNMATCHED_STATUS = 422
_NOT_WRITTEN_STATUS = 500
# Of a service that gave no answer.
_NO_ANSWER_STATUS = 502
# For all patterns and all requests of a scenario together; a second is the limit of each search.
_SEARCHES_S = 10.0
_PREFIX, _TAPE_PREFIX = "scripted model: ", "model server: "


@final
class Channel:
    """A script at an address of its own, from :meth:`ModelServer.channel` until :meth:`close`.

    A context manager, and thread-safe. ``url`` is the address without a trailing slash; ``on_close``
    is called by :meth:`close`. ``added`` are formats beside the built-in ones. With a ``tape`` that one
    answers instead of the script.
    """

    def __init__(
        self,
        url: str,
        script: Script,
        on_close: Callable[[], object],
        added: Sequence[AddedWire] = (),
        tape: Tape | None = None,
    ) -> None:
        self.tape = tape
        self._added = {wire.name: wire for wire in added}
        self._wires: tuple[Wire, ...] = (*WIRES, *added)
        self._url = url
        self._script = script
        self._on_close = on_close
        self._prefix = _PREFIX if tape is None else _TAPE_PREFIX
        self._lock = threading.Lock()
        self._searches = SearchBudget(_SEARCHES_S)
        self._answered: Counter[int] = Counter()
        self._log = CallLog()

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
            return self._log.calls

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
        return Delivery(404, self.wire_of(path).write_error(self._prefix + unknown_path("GET", path, self._wires)))

    def forwarded_path(self, path: str, body: bytes) -> str | None:
        """Return the path at the service for a request that it has to answer, None for any other request."""
        wire = self.wire_of(path)
        try:
            self._read(wire, path, body)
        except (LookupError, ValueError):
            return None
        return path.removeprefix(f"/{wire.NAME}") if wire.NAME in self._added else path

    def _read(self, wire: Wire, path: str, body: bytes) -> ChatRequest:
        """Return the request in a body; texts to embed become messages.

        Raises ``LookupError`` for an unknown path, ``ValueError`` for an invalid request.
        """
        if any(path == each.EMBED_PATH for each in EMBEDDING_WIRES):
            request = read_embeddings(body)
            return as_messages(request.model, request.texts)
        if path != wire.CHAT_PATH:
            raise LookupError(path)
        return wire.read_request(body)

    def post_to_tape(
        self, path: str, body: bytes, carried: Mapping[str, str], answered: Answered | None, trouble: str = ""
    ) -> Delivery:
        """Record a POST and return the response of the tape.

        ``answered`` is the answer of its endpoint; ``trouble`` says why there is none.
        """
        assert self.tape is not None, "a channel with a script has no tape"
        wire = self.wire_of(path)
        try:
            request, data = self._read(wire, path, body), read_object(body)
        except LookupError:
            return self.refuse(path, 404, unknown_path("POST", path, self._wires))
        except ValueError as error:
            return self.refuse(path, 400, str(error))
        with self._lock:
            if trouble:
                self.tape.trouble = self.tape.trouble or trouble
                return self._unanswered(wire, request, trouble)
            told = self.tape.answer(Asked(wire.NAME, path, data, carried), answered)
            if isinstance(told, NotRecorded):
                return self._refuse(wire, request, UNMATCHED_STATUS, told.text)
            return self._replay(wire, request, told)

    def _unanswered(self, wire: Wire, request: ChatRequest, trouble: str) -> Delivery:
        """Record a request that the service did not answer, for which the agent is not to blame."""
        self._log.add(wire, request, status=_NO_ANSWER_STATUS)
        return Delivery(_NO_ANSWER_STATUS, wire.write_error(f"the model's service gave no answer: {trouble}"))

    def _replay(self, wire: Wire, request: ChatRequest, told: Told) -> Delivery:
        """Record a request and return the response of a service, now or when it was recorded."""
        response = told.response
        reply, usage = read_response(wire, response)
        self._log.add(
            wire,
            request,
            rule=told.exchange,
            reply=reply.as_data() if reply else None,
            usage=usage,
            status=response.status,
        )
        return Delivery(response.status, Body(response.content_type, response.body.encode()), response.retry_after_s)

    def post(self, path: str, body: bytes) -> Delivery:
        """Record a POST of ``body`` to ``path`` and return the response of the script."""
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
        self._log.add(wire, request, refused=(status, text))
        return Delivery(status, wire.write_error(self._prefix + text))

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
            seen = as_messages(request.model, request.texts)
            call = self._log.add(wire, seen, answer=first, reply={"embeddings": len(vectors)}, usage=usage)
            return _delivery(wire, call, first, lambda: wire.write_embeddings(request, vectors, usage))

    def _deliver(self, wire: Wire, request: ChatRequest, answer: Answer) -> Delivery:
        call = self._log.add(wire, request, answer=answer, reply=answer.reply.as_data(), usage=answer.usage)
        stamp = Stamp(call.seq, call.wall_time_s)
        try:
            return _delivery(wire, call, answer, lambda: wire.write_reply(request, answer.reply, answer.usage, stamp))
        except FormatError as error:
            # The number of the call is part of the reply, so the call was recorded first.
            self._log.drop_last()
            return self._refuse(wire, request, _NOT_WRITTEN_STATUS, str(error))


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
