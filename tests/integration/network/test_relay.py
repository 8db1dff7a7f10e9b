"""The relay between containers and servers on this machine's loopback."""

from __future__ import annotations

import gc
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from flink_testbed.containers.relay import PortRelay, socket_of
from flink_testbed.core.ports import LOOPBACK

SOON_S = 10.0


@pytest.fixture
def short_directory() -> Iterator[Path]:
    """A directory whose path leaves room for the name of a Unix socket."""
    with tempfile.TemporaryDirectory(prefix="relay-") as directory:
        yield Path(directory)


def test_a_connection_that_waits_for_a_late_answer_stays(short_directory: Path) -> None:
    """Its client has sent everything and closed its side. Only the event loop still knows the connection."""
    asked, may_answer = threading.Event(), threading.Event()

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            while connection.recv(1024):
                pass
            asked.set()
            may_answer.wait(SOON_S)
            connection.sendall(b"late")

    with socket.create_server((LOOPBACK, 0)) as listener, closing(PortRelay(short_directory)) as relay:
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        port = listener.getsockname()[1]
        relay.open(port)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(SOON_S)
            client.connect(str(socket_of(short_directory, port)))
            client.sendall(b"question")
            client.shutdown(socket.SHUT_WR)
            assert asked.wait(SOON_S)
            for _ in range(20):
                time.sleep(0.01)
                gc.collect()
            may_answer.set()
            assert client.recv(1024) == b"late"
        server.join()
