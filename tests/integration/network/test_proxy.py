"""The proxy passes, holds back, delays and loses the data of real connections."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from flink_testbed.core.ports import LOOPBACK
from flink_testbed.core.problem import HostError, WaitTimeoutError
from flink_testbed.network import Cut, Delay, Direction, Held, Loss, Passage, Proxy
from flink_testbed.network import proxy as proxy_module

REQUESTS, ANSWERS = frozenset({Direction.REQUESTS}), frozenset({Direction.ANSWERS})
# Far from a mistake of a loaded machine, and short.
HELD_S, SOON_S = 0.3, 10.0


class EchoServer:
    """Answers with what it gets; ``got`` has the data of all connections."""

    def __init__(self) -> None:
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        self.got = bytearray()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(65536):
                    self.got += data
                    connection.sendall(data)
            except OSError:
                return

    def wait_for(self, data: bytes) -> None:
        deadline = time.monotonic() + SOON_S
        while data not in self.got:
            assert time.monotonic() < deadline, f"{data!r} is not in {bytes(self.got[-80:])!r}"
            time.sleep(0.01)

    def close(self) -> None:
        # Closed alone, it would listen until the thread that accepts has returned.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def server() -> Iterator[EchoServer]:
    with closing(EchoServer()) as server:
        yield server


@pytest.fixture
def proxy(server: EchoServer) -> Iterator[Proxy]:
    with Proxy([Passage(server.port)]) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with connect(proxy) as client:
        assert round_trip_s(client, b"hello") < SOON_S
        yield client


def connect(proxy: Proxy) -> socket.socket:
    (port,) = proxy.ports.values()
    client = socket.create_connection((LOOPBACK, port))
    client.settimeout(SOON_S)
    return client


def receive(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = client.recv(65536)
        assert more, "the connection has ended"
        data += more
    return data


def round_trip_s(client: socket.socket, data: bytes) -> float:
    began = time.monotonic()
    client.sendall(data)
    assert receive(client, len(data)) == data
    return time.monotonic() - began


def is_silent(client: socket.socket) -> bool:
    client.settimeout(HELD_S)
    try:
        return not client.recv(1)
    except TimeoutError:
        return True
    finally:
        client.settimeout(SOON_S)


def test_data_pass_unchanged_and_both_ends_of_a_stream_too(client: socket.socket) -> None:
    data = bytes(range(256)) * 20_000
    sender = threading.Thread(target=client.sendall, args=(data,))
    sender.start()
    assert receive(client, len(data)) == data
    sender.join()
    client.shutdown(socket.SHUT_WR)
    assert client.recv(1) == b""


def test_a_cut_holds_back_everything_until_it_is_healed(
    proxy: Proxy, client: socket.socket, server: EchoServer
) -> None:
    began_s = time.time()
    proxy.disturb(Cut())
    client.sendall(b"one")
    with connect(proxy) as another:
        another.sendall(b"two")
        assert is_silent(client)
        assert is_silent(another)
        assert server.got == b"hello"
        held = proxy.heal()
        assert held.size == 6
        assert held.first_s is not None
        # From before the two silences.
        assert began_s <= held.first_s < time.time() - 2 * HELD_S
        assert (receive(client, 3), receive(another, 3)) == (b"one", b"two")
    assert round_trip_s(client, b"again") < SOON_S


@pytest.mark.parametrize(("directions", "arrives"), [(REQUESTS, False), (ANSWERS, True)])
def test_a_cut_of_one_direction_lets_the_other_one_pass(
    proxy: Proxy, client: socket.socket, server: EchoServer, directions: frozenset[Direction], arrives: bool
) -> None:
    proxy.disturb(Cut(directions))
    client.sendall(b"one way")
    if arrives:
        server.wait_for(b"one way")
    assert is_silent(client)
    assert (b"one way" in server.got) == arrives
    assert proxy.heal().size == 7
    assert receive(client, 7) == b"one way"


def test_what_was_sent_during_a_cut_arrives_after_its_sender_has_gone(proxy: Proxy, server: EchoServer) -> None:
    proxy.disturb(Cut())
    with connect(proxy) as client:
        client.sendall(b"a late request")
    time.sleep(HELD_S)
    assert server.got == b""
    proxy.heal()
    server.wait_for(b"a late request")


def test_a_delay_is_one_each_way_and_what_came_before_is_not_overtaken(proxy: Proxy, client: socket.socket) -> None:
    # Of the requests alone: their answer may come before the end of the delay.
    proxy.disturb(Delay(REQUESTS, HELD_S))
    client.sendall(b"early ")
    time.sleep(HELD_S / 2)
    assert proxy.heal().size == 6
    client.sendall(b"late")
    assert receive(client, 10) == b"early late"
    proxy.disturb(Delay(seconds=HELD_S))
    assert round_trip_s(client, b"both") >= 2 * HELD_S
    assert proxy.heal().size == 8, "four bytes each way"
    proxy.disturb(Delay(ANSWERS, HELD_S))
    assert round_trip_s(client, b"one") >= HELD_S
    assert proxy.heal().size == 3


def test_lost_data_arrive_after_a_retry_in_their_order(proxy: Proxy, client: socket.socket) -> None:
    proxy.disturb(Loss(REQUESTS, 0.5))
    slow = [round_trip_s(client, bytes([number])) for number in range(6)]
    assert min(slow) < 0.2 <= max(slow)
    assert 0 < proxy.heal().size < 6


def test_data_that_met_no_disturbance_are_not_counted(proxy: Proxy, client: socket.socket) -> None:
    proxy.disturb(Cut())
    assert proxy.heal() == Held()
    round_trip_s(client, b"after it")
    assert proxy.heal().size == 0


def test_a_target_that_refuses_and_the_end_of_the_proxy_end_the_connections(
    proxy: Proxy, client: socket.socket, server: EchoServer
) -> None:
    server.close()
    with connect(proxy) as refused:
        assert refused.recv(1) == b""
    threads = threading.active_count()
    proxy.disturb(Cut())
    client.sendall(b"held")
    proxy.close()
    assert client.recv(1) == b""
    assert threading.active_count() < threads
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)


def test_addresses_lead_through_the_proxy(proxy: Proxy, server: EchoServer) -> None:
    (port,) = proxy.ports.values()
    assert proxy.addresses == f"127.0.0.1:{port}"
    assert proxy.through(f"http://127.0.0.1:{server.port}/token/pay") == f"http://127.0.0.1:{port}/token/pay"
    assert proxy.through("http://127.0.0.1:1/token") == "http://127.0.0.1:1/token"


def test_a_port_that_is_taken_is_refused(server: EchoServer) -> None:
    with pytest.raises(HostError, match="cannot listen"):
        Proxy([Passage(1, server.port)])


def test_a_thread_that_hangs_is_not_waited_for_without_end(server: EchoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy([Passage(server.port)]) as proxy:
        monkeypatch.setattr(proxy_module, "_ANSWER_S", 0.1)
        goes_on = threading.Event()
        proxy._loop.call_soon_threadsafe(goes_on.wait, SOON_S)
        try:
            with pytest.raises(WaitTimeoutError, match=r"waited 0\.1 s for the thread of the network proxy"):
                proxy.heal()
        finally:
            goes_on.set()
        monkeypatch.undo()
        proxy.heal()
