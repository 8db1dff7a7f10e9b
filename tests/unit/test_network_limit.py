"""The network limit of a run: which connections it blocks, in which threads."""

from __future__ import annotations

import _thread
import json
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flink_agents_runtime import network
from flink_agents_runtime.network import NetworkClosedError, NetworkLimit

OUTSIDE = ("192.0.2.1", 443)


@pytest.fixture
def limit(tmp_path: Path) -> NetworkLimit:
    return NetworkLimit("refund", ["api.example.com:443", "[2001:DB8::0:1]:8443"], tmp_path)


def _connect(address: Any) -> None:
    """Report a connection to the audit hooks as a socket does, without one."""
    sys.audit("socket.connect", None, address)


def _recorded(directory: Path) -> list[str]:
    lines = [line for path in directory.glob("network-*.jsonl") for line in path.read_text().splitlines()]
    return [json.loads(line)["blocked"] for line in lines]


def _caught() -> BaseException | None:
    try:
        _connect(OUTSIDE)
    except NetworkClosedError as error:
        return error
    return None


def _in_thread(action: Callable[[], None]) -> BaseException | None:
    caught: list[BaseException | None] = [None]

    def run() -> None:
        try:
            action()
        except NetworkClosedError as error:
            caught[0] = error

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return caught[0]


@pytest.mark.parametrize(
    "address",
    [
        ("127.0.0.1", 80),
        ("127.8.8.8", 80),
        ("localhost", 80),
        ("LOCALHOST.", 80),
        ("::1", 80, 0, 0),
        ("::ffff:127.0.0.1", 80, 0, 0),
        ("0.0.0.0", 80),
        ("", 80),
        "/run/service.sock",
        b"/run/service.sock",
        b"\0abstract",
        (0, 0),
        None,
    ],
)
def test_loopback_and_local_sockets_are_allowed(limit: NetworkLimit, address: Any) -> None:
    limit.check_connection(address)


@pytest.mark.parametrize(
    ("address", "named"),
    [
        (OUTSIDE, "192.0.2.1:443"),
        (("::ffff:192.0.2.1", 443, 0, 0), "[::ffff:"),
        (("2001:db8::2", 443, 0, 0), "[2001:db8::2]:443"),
        (("api.example.com", 80), "api.example.com:80"),
        (("127.0.0.1.example.com", 80), "127.0.0.1.example.com:80"),
        (("localhost.example.com", 80), "localhost.example.com:80"),
        (("2130706433", 80), "2130706433:80"),
        ((b"10.0.0.1", 5432), "10.0.0.1:5432"),
    ],
)
def test_other_addresses_are_blocked_and_recorded(
    limit: NetworkLimit, tmp_path: Path, address: Any, named: str
) -> None:
    with pytest.raises(NetworkClosedError, match="network is closed") as caught:
        limit.check_connection(address)
    assert named in str(caught.value)
    assert "'refund'" in str(caught.value)
    assert "network: [" in str(caught.value)
    assert _recorded(tmp_path) == [caught.value.address]


def test_listed_addresses_are_allowed_at_their_port(limit: NetworkLimit) -> None:
    limit.check_connection(("API.example.com.", 443))
    limit.check_connection(("2001:db8::1", 8443, 0, 0))
    with pytest.raises(NetworkClosedError):
        limit.check_connection(("2001:db8::1", 443, 0, 0))


def test_the_addresses_of_a_listed_name_are_allowed(limit: NetworkLimit, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", OUTSIDE)]
    monkeypatch.setattr(network, "_resolve", lambda *_args, **_keywords: found)
    with limit:
        assert socket.getaddrinfo("api.example.com", 443) == found
    monkeypatch.setattr(network, "_resolve", lambda *_args, **_keywords: [])
    limit.check_connection(OUTSIDE)
    with pytest.raises(NetworkClosedError):
        limit.check_connection((OUTSIDE[0], 80))


def test_an_address_that_another_resolver_found_for_a_listed_name_is_allowed(
    limit: NetworkLimit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "_resolve", lambda *_args, **_keywords: [(0, 0, 0, "", OUTSIDE)])
    limit.check_connection(OUTSIDE)


def test_names_are_not_resolved_but_for_the_machine_s_own(limit: NetworkLimit) -> None:
    for host in ("localhost", None, b"api.example.com", socket.gethostname(), "192.0.2.1"):
        limit.check_resolution(host, 443)
    with pytest.raises(NetworkClosedError, match=r"secret\.example\.org:443"):
        limit.check_resolution("secret.example.org", 443)
    with pytest.raises(NetworkClosedError, match=r"network: \[secret\.example\.org:PORT\]"):
        limit.check_resolution("secret.example.org")


@pytest.mark.parametrize(
    ("event", "args"),
    [
        ("socket.connect", (None, OUTSIDE)),
        ("socket.sendto", (None, OUTSIDE)),
        ("socket.sendmsg", (None, OUTSIDE)),
        ("socket.getaddrinfo", ("a.example.org", 443, 0, 0, 0)),
        ("socket.gethostbyname", ("a.example.org",)),
        ("socket.gethostbyaddr", ("a.example.org",)),
    ],
)
def test_every_way_out_of_python_s_sockets_is_watched(limit: NetworkLimit, event: str, args: tuple[Any, ...]) -> None:
    with limit, pytest.raises(NetworkClosedError):
        sys.audit(event, *args)
    sys.audit(event, *args)


def test_a_limit_holds_in_its_threads_and_in_those_that_they_start(limit: NetworkLimit) -> None:
    def outer() -> None:
        with limit:
            inner.append(_in_thread(lambda: _connect(OUTSIDE)))

    def bare() -> None:
        with limit:
            _thread.start_new_thread(note, ())
        done.wait()

    def note() -> None:
        inner.append(_caught())
        done.set()

    inner: list[BaseException | None] = []
    done = threading.Event()
    assert _in_thread(outer) is None
    assert _in_thread(bare) is None
    assert [type(error) for error in inner] == [NetworkClosedError, NetworkClosedError]
    assert _in_thread(lambda: _connect(OUTSIDE)) is None


def test_two_jobs_of_one_interpreter_have_limits_of_their_own(tmp_path: Path) -> None:
    first, second = (NetworkLimit(name, [allowed], tmp_path) for name, allowed in (("a", "x:1"), ("b", "y:1")))
    with first:
        with second:
            _connect(("y", 1))
            with pytest.raises(NetworkClosedError, match="'b'"):
                _connect(("x", 1))
        _connect(("x", 1))


def test_a_process_of_one_run_limits_threads_that_began_before(
    limit: NetworkLimit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "_whole_process", [])
    network.limit_this_process({"scenario": "refund", "allowed": [], "directory": str(tmp_path)})
    assert isinstance(_in_thread(lambda: _connect(OUTSIDE)), NetworkClosedError)


def test_a_run_that_blocked_nothing_has_an_empty_record(limit: NetworkLimit, tmp_path: Path) -> None:
    limit.check_connection(("127.0.0.1", 80))
    assert len(list(tmp_path.glob("network-*.jsonl"))) == 1
    assert _recorded(tmp_path) == []


def test_a_repeated_address_is_recorded_once(limit: NetworkLimit, tmp_path: Path) -> None:
    for _ in range(3):
        with pytest.raises(NetworkClosedError):
            limit.check_connection(OUTSIDE)
    assert _recorded(tmp_path) == ["192.0.2.1:443"]
