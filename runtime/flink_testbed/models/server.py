"""The model server: HTTP on loopback, in a daemon thread.

The server transports bytes; the channel decides on the responses.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, final

from flink_testbed.core.ports import LOOPBACK
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.ledger.entry import Seen, carried_headers
from flink_testbed.models.added_wire import AddedWire
from flink_testbed.models.call import Delivery
from flink_testbed.models.channel import Channel
from flink_testbed.models.script import Script, parse_script
from flink_testbed.models.wire import wire_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from aiohttp import web

    from flink_testbed.core.http_server import HttpAnswer
    from flink_testbed.ledger.recorder import Recorder
    from flink_testbed.models.added_wire import ModelFormats
    from flink_testbed.models.exchange import Answered
    from flink_testbed.models.tape import Tape
    from flink_testbed.models.vendor import Vendor

BODY_LIMIT_BYTES = 8 * 1024 * 1024
_STOP_S = 5.0
# Matching a request may take long, and must not hold up the others.
_WORKERS = 8
T = TypeVar("T")
NO_FORMATS: ModelFormats = MappingProxyType({})


@final
class ModelServer:
    """Serve any number of channels at one port. A context manager."""

    def __init__(self) -> None:
        self._running: _Running | None = None

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
        assert self._running is None, "the model server is already running"
        try:
            self._running = _Running()
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

    def stop(self) -> None:
        """Close all channels and connections within a few seconds.

        No effect if the server does not run.
        """
        if self._running:
            self._running.stop()
            self._running = None

    @property
    def port(self) -> int:
        """The port."""
        assert self._running is not None, "start the model server first"
        return self._running.port

    def channel(
        self,
        script: Script | Sequence[Mapping[str, Any]],
        recorder: Recorder | None = None,
        formats: ModelFormats = NO_FORMATS,
        tape: Tape | None = None,
    ) -> Channel:
        """Open a channel at an unguessable address, for a script or its plain rules.

        ``recorder`` gets each call before its response is sent, ``formats`` are added wire formats by
        name. With a ``tape`` recorded exchanges or a service answer instead of the script. The caller
        closes the channel after the run. Raises ``ValueError`` for a wrong rule.
        """
        assert self._running is not None, "start the model server first"
        parsed = script if isinstance(script, Script) else parse_script(script)
        added = [AddedWire(name, each) for name, each in formats.items()]
        return self._running.open(parsed, recorder, added, tape)


class _OpenChannel:
    """A channel, its recorder, and the event that ends its delayed responses."""

    def __init__(self, channel: Channel, recorder: Recorder | None, closed: asyncio.Event) -> None:
        self.channel = channel
        self.closed = closed
        self._recorder = recorder

    def post(self, path: str, body: bytes, carried: Mapping[str, str]) -> Delivery:
        """Return the response to a POST, which is recorded."""
        return self._recorded(path, body, carried, self.channel.post(path, body))

    def post_to_tape(
        self, path: str, body: bytes, carried: Mapping[str, str], answered: Answered | None, trouble: str
    ) -> Delivery:
        """Return the response of the tape to a POST, which is recorded."""
        delivery = self.channel.post_to_tape(path, body, carried, answered, trouble)
        return self._recorded(path, body, carried, delivery)

    def refuse(self, path: str, status: int, text: str) -> Delivery:
        """Return the response to a POST with a refused body, which is recorded."""
        return self._recorded(path, b"", {}, self.channel.refuse(path, status, text))

    def _recorded(self, path: str, body: bytes, carried: Mapping[str, str], delivery: Delivery) -> Delivery:
        if self._recorder:
            seen = Seen("llm", self.channel.wire_of(path).NAME, "POST", path, carried=carried, body=body)
            status = None if delivery.reset else delivery.status
            self._recorder.record(seen, status=status, fault=", ".join(delivery.faults))
        return delivery


class _Running:
    """An event loop in a daemon thread, with the server in it."""

    def __init__(self) -> None:
        self._channels: dict[str, _OpenChannel] = {}
        self._workers = ThreadPoolExecutor(_WORKERS, "model server")
        self._loop = asyncio.new_event_loop()
        self._vendor: Vendor | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="model server", daemon=True)
        self._thread.start()
        try:
            self.port = self._wait_for(self._listen())
        except OSError:
            self._end_threads()
            raise

    def _wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _listen(self) -> int:
        # Only a session with a server pays for the import.
        from flink_testbed.core.http_server import BoundedServer, HttpLimits

        self._server = BoundedServer(self._handle, HttpLimits(body_bytes=BODY_LIMIT_BYTES))
        return await self._server.listen()

    def open(
        self, script: Script, recorder: Recorder | None, added: Sequence[AddedWire] = (), tape: Tape | None = None
    ) -> Channel:
        """Open a channel."""
        # The runtime knows by this form of the first part that a call may carry its cause.
        token = f"model-{secrets.token_hex(16)}"
        closed = asyncio.Event()

        def close() -> None:
            self._channels.pop(token, None)
            # The loop is closed if the server was stopped before the channel.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(closed.set)

        channel = Channel(f"http://{LOOPBACK}:{self.port}/{token}", script, on_close=close, added=added, tape=tape)
        self._channels[token] = _OpenChannel(channel, recorder, closed)
        return channel

    def stop(self) -> None:
        """Close channels, listener and connections, and end the threads."""
        for opened in list(self._channels.values()):
            opened.channel.close()
        self._wait_for(self._close())
        self._end_threads()

    async def _close(self) -> None:
        await self._server.close()
        if self._vendor:
            await self._vendor.close()

    def _end_threads(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_S)
        self._workers.shutdown(wait=False, cancel_futures=True)
        if not self._loop.is_running():
            self._loop.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        from flink_testbed.core.http_server import BodyError, send

        token, _, rest = request.path.lstrip("/").partition("/")
        path, opened, refused = f"/{rest}", self._channels.get(token), False
        if opened is None:
            return await send(request, _answer(_no_channel(request.path, path)), asyncio.Event())
        if request.method == "GET":
            return await send(request, _answer(opened.channel.get(path)), opened.closed)
        if request.method != "POST":
            return await send(request, _answer(_no_method(request.method, path)), opened.closed)
        try:
            body = await self._server.read_body(request)
            work = await self._work(opened, path, body, request.headers)
        except BodyError as error:
            work, refused = partial(opened.refuse, path, error.status, str(error)), True
        delivery = await self._loop.run_in_executor(self._workers, work)
        response = await send(request, _answer(delivery), opened.closed)
        if refused:
            response.force_close()
        return response

    async def _work(
        self, opened: _OpenChannel, path: str, body: bytes, headers: Mapping[str, str]
    ) -> Callable[[], Delivery]:
        """Return how to answer a POST; a request for a service has been forwarded then."""
        carried, tape = carried_headers(headers), opened.channel.tape
        if tape is None:
            return partial(opened.post, path, body, carried)
        answered, trouble = None, ""
        forwarded = opened.channel.forwarded_path(path, body)
        if tape.endpoint and forwarded is not None:
            from flink_testbed.models.vendor import Outgoing, Vendor

            self._vendor = self._vendor or Vendor()
            outgoing = Outgoing(opened.channel.wire_of(path).NAME, forwarded, body, headers)
            answered, trouble = await self._vendor.answer(tape.endpoint, outgoing, opened.closed)
        return partial(opened.post_to_tape, path, body, carried, answered, trouble)


def _no_channel(address: str, path: str) -> Delivery:
    text = f"scripted model: no channel at {address}: the address is wrong, or its run has ended"
    return Delivery(404, wire_of(path).write_error(text))


def _no_method(method: str, path: str) -> Delivery:
    return Delivery(405, wire_of(path).write_error(f"scripted model: {method} {path}: models answer GET and POST"))


def _answer(delivery: Delivery) -> HttpAnswer:
    from flink_testbed.core.http_server import HttpAnswer

    return HttpAnswer(
        delivery.status,
        delivery.body.data,
        delivery.body.content_type,
        {} if delivery.retry_after_s is None else {"Retry-After": f"{delivery.retry_after_s:g}"},
        delay_s=delivery.delay_s,
        reset=delivery.reset,
        truncate=delivery.truncate,
    )
