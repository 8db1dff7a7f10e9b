"""A TCP proxy on loopback, in a daemon thread.

It ends with the process that made it. So do the parts on both of its sides, which have guards.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar, final

from flink_testbed.core import clock
from flink_testbed.core.ports import LOOPBACK
from flink_testbed.core.problem import HostError, Problem, WaitTimeoutError
from flink_testbed.network.disturbance import Direction, Disturbance, Held
from flink_testbed.network.passage import Passage

# A connection holds a MiB in each direction, then its sender has to wait, as with a full TCP window.
_PIECE_BYTES = 16 * 1024
_PIECES = 64
_MAX_CONNECTIONS = 500
_STOP_S = 5.0
# The thread does no work that takes long: a busy machine answers much earlier.
_ANSWER_S = 30.0
T = TypeVar("T")


@final
class Proxy:
    """Pass data between clients and the targets of ``passages``, until they are disturbed.

    A context manager, or from the call to :meth:`close`. Raises :class:`HostError` FA403 if a port
    is taken.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network proxy", daemon=True)
        self._thread.start()
        self._relay = _Relay()
        self.ports: dict[int, int] = {}
        try:
            for passage in passages:
                self.ports[passage.target] = self._wait_for(self._relay.listen(passage))
        except OSError as error:
            self.close()
            raise HostError(
                Problem(
                    "FA403",
                    "the network proxy cannot listen",
                    where=LOOPBACK,
                    expected="free ports on loopback",
                    seen=str(error),
                    next_step="list the listening sockets (ss -ltnp)",
                )
            ) from error

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def addresses(self) -> str:
        """``HOST:PORT`` of each passage, separated by commas."""
        return ",".join(f"{LOOPBACK}:{port}" for port in self.ports.values())

    def through(self, text: str) -> str:
        """Return an address of a target, or a text with some, with those of this proxy instead."""
        for target, port in self.ports.items():
            text = text.replace(f"{LOOPBACK}:{target}/", f"{LOOPBACK}:{port}/")
        return text

    def disturb(self, disturbance: Disturbance) -> None:
        """Disturb the data from now on, those of new connections too, instead of what was disturbed before."""
        self._wait_for(self._relay.disturb(disturbance))

    def heal(self) -> Held:
        """Let all data pass again; return what the last disturbance has held back.

        That is not lost, and passes first. Does nothing if nothing is disturbed.
        """
        return self._wait_for(self._relay.heal())

    def close(self) -> None:
        """Reset the connections, stop to listen, and end the thread."""
        if self._loop.is_closed():
            return
        try:
            self._wait_for(self._relay.close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_STOP_S)
            if not self._loop.is_running():
                self._loop.close()

    def _wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """Return the result of ``work`` in the thread. Raises :class:`WaitTimeoutError` FA401 if the thread hangs."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(_ANSWER_S)
        except FutureTimeoutError:
            future.cancel()
            raise WaitTimeoutError(
                Problem(
                    "FA401",
                    f"waited {_ANSWER_S:g} s for the thread of the network proxy",
                    where=self.addresses,
                    seen="no answer",
                    next_step="run again on a machine with less load",
                )
            ) from None


@dataclass(frozen=True, slots=True)
class _Piece:
    """Data that have arrived: empty at the end of the stream, None after a reset.

    They may go on at ``due_s`` of the loop's clock, and after ``healed``.
    """

    data: bytes | None
    due_s: float
    healed: asyncio.Event | None


class _Relay:
    """The connections of a proxy. Belongs to the proxy's event loop."""

    def __init__(self) -> None:
        self._listeners: list[asyncio.AbstractServer] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._disturbance: Disturbance | None = None
        self._healed = asyncio.Event()
        self._held = Held()
        # The same losses in every run of the same traffic.
        self._chance = random.Random(0)  # noqa: S311  no secret

    async def listen(self, passage: Passage) -> int:
        """Listen for one passage, and return the port."""

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._accept(passage.target, reader, writer)

        listener = await asyncio.start_server(accept, LOOPBACK, passage.port)
        self._listeners.append(listener)
        port: int = listener.sockets[0].getsockname()[1]
        return port

    async def disturb(self, disturbance: Disturbance) -> None:
        """Begin a disturbance."""
        await self.heal()
        self._disturbance, self._healed, self._held = disturbance, asyncio.Event(), Held()

    async def heal(self) -> Held:
        """End the disturbance; return what it has held back."""
        self._disturbance = None
        self._healed.set()
        return self._held

    async def close(self) -> None:
        """Stop to listen, and reset the connections."""
        for listener in self._listeners:
            listener.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, target: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if len(self._connections) <= _MAX_CONNECTIONS:
                with contextlib.suppress(OSError, asyncio.CancelledError):
                    await self._connect(target, reader, writer)
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _connect(self, target: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass the data of one connection until both of its directions have ended, or a side is reset."""
        from_target, to_target = await asyncio.open_connection(LOOPBACK, target)
        try:
            await _together(
                self._pass(reader, to_target, Direction.REQUESTS),
                self._pass(from_target, writer, Direction.ANSWERS),
            )
            for end in (writer, to_target):
                end.close()
                await end.wait_closed()
        finally:
            to_target.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction) -> None:
        pieces: asyncio.Queue[_Piece] = asyncio.Queue(_PIECES)
        await _together(self._receive(reader, pieces, direction), _send(pieces, writer))

    async def _receive(self, reader: asyncio.StreamReader, pieces: asyncio.Queue[_Piece], direction: Direction) -> None:
        """Take what arrives from one direction, to the end of its stream."""
        data: bytes | None = b"more"
        while data:
            data = await _read(reader)
            await pieces.put(self._piece(data, direction))

    def _piece(self, data: bytes | None, direction: Direction) -> _Piece:
        """Return what has arrived, and when it may go on."""
        now_s, disturbance = asyncio.get_running_loop().time(), self._disturbance
        if disturbance is None or direction not in disturbance.directions:
            return _Piece(data, now_s, None)
        held_s = disturbance.held_s(self._chance)
        if held_s and data:
            first_s = clock.wall_time_s() if self._held.first_s is None else self._held.first_s
            self._held = Held(self._held.size + len(data), first_s)
        if math.isinf(held_s):
            return _Piece(data, now_s, self._healed)
        return _Piece(data, now_s + held_s, None)


async def _together(*works: Coroutine[Any, Any, None]) -> None:
    """Wait for all; after the error of one, end the others."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


async def _read(reader: asyncio.StreamReader) -> bytes | None:
    """Return what has arrived: nothing at the end of the stream, None after a reset."""
    try:
        return await reader.read(_PIECE_BYTES)
    except OSError:
        return None


async def _send(pieces: asyncio.Queue[_Piece], writer: asyncio.StreamWriter) -> None:
    """Send pieces in order, each when it may go on, to the end of the stream.

    Raises OSError once a side is reset.
    """
    while True:
        piece = await pieces.get()
        if piece.healed:
            await piece.healed.wait()
        await asyncio.sleep(piece.due_s - asyncio.get_running_loop().time())
        if piece.data is None:
            raise ConnectionResetError
        if not piece.data:
            break
        writer.write(piece.data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
