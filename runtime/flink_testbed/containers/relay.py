"""Make servers on this machine's loopback reachable from containers.

They have the same address in the containers. Nothing listens for other machines. Here, a Unix
socket in a directory that the containers share is connected with the server's port. In a container
this same module, run as a script, listens on the container's loopback at that port and connects to
the socket:

    python -c SOURCE DIRECTORY NAME

Standard library only, as it runs with the image's Python.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

LOOPBACK = "127.0.0.1"
_CHUNK = 1 << 16
_LOOK_S = 0.1
_ANSWER_S = 10.0
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def socket_of(directory: Path, port: int) -> Path:
    """Return the Unix socket that is connected with a port of this machine."""
    return directory / f"{port}.port"


def ready_file(directory: Path, port: int, name: str) -> Path:
    """Return the file by which a container reports that it listens."""
    return directory / f"{port}.{name}"


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


def _joining_with(connect: Callable[[], Awaitable[Streams]]) -> Callable[..., Awaitable[None]]:
    """Return a server's handler that joins each connection with one made by ``connect``."""
    # An event loop keeps weak references only. A connection whose near end has closed, and whose answer is held back,
    # would be garbage.
    joined: set[asyncio.Task[None] | None] = set()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        joined.add(task)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            far_reader, far_writer = await connect()
            try:
                await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
            finally:
                far_writer.close()
        writer.close()
        joined.discard(task)

    return join


class PortRelay:
    """The side of this machine: a thread that serves Unix sockets in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._loop = asyncio.new_event_loop()
        self._servers: dict[int, asyncio.Server] = {}
        self._thread = threading.Thread(target=self._loop.run_forever, name="port relay", daemon=True)
        self._thread.start()

    def open(self, port: int) -> None:
        """Make a port of this machine's loopback reachable."""
        if port not in self._servers:
            path = str(socket_of(self._directory, port))
            handler = _joining_with(lambda: asyncio.open_connection(LOOPBACK, port))
            server = asyncio.run_coroutine_threadsafe(asyncio.start_unix_server(handler, path), self._loop)
            self._servers[port] = server.result(_ANSWER_S)

    def close(self) -> None:
        """Close all sockets and connections."""

        async def end() -> None:
            for server in self._servers.values():
                server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(_ANSWER_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_ANSWER_S)
        self._loop.close()


async def relay_inside(directory: Path, name: str) -> None:
    """The side of a container: listen at the port of each socket, including those that appear later."""
    servers: dict[str, asyncio.Server] = {}
    while True:
        for path in directory.glob("*.port"):
            port = path.stem
            if port not in servers:
                handler = _joining_with(lambda path=path: asyncio.open_unix_connection(str(path)))  # type: ignore[misc]
                servers[port] = await asyncio.start_server(handler, LOOPBACK, int(port))
                ready_file(directory, int(port), name).touch()
        await asyncio.sleep(_LOOK_S)


if __name__ == "__main__":
    asyncio.run(relay_inside(Path(sys.argv[1]), sys.argv[2]))
