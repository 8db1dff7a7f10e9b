"""The effects ledger as a process: what it records, and what it withstands."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from flink_testbed.core.clock import now_s, wait_until
from flink_testbed.ledger.ledger import EffectLedger, LedgerRun
from flink_testbed.ledger.routes import Fault, Reply, Route
from flink_testbed.models.server import ModelServer

PAYMENTS = Route("payments", "POST", "/refunds", Reply(json={"ok": True}))
LIMIT_BYTES = 1024 * 1024


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EffectLedger]:
    ledger = EffectLedger(tmp_path_factory.mktemp("ledger"))
    yield ledger
    ledger.close()


class Client:
    """A keep-alive connection to one endpoint."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self.root = address.path
        self.address = (str(address.hostname), address.port or 0)
        self.http = http.client.HTTPConnection(*self.address, timeout=60)

    def call(self, path: str = "/refunds", body: Any = b"{}", **headers: str) -> tuple[int, Any]:
        self.http.request("POST", self.root + path, body, headers)
        response = self.http.getresponse()
        return response.status, json.loads(response.read())


Connect = Callable[[str], Client]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Open clients that are closed at the end of the test."""
    with ExitStack() as stack:

        def new(url: str) -> Client:
            client = Client(url)
            stack.callback(client.http.close)
            return client

        yield new


def test_every_value_of_a_query_parameter_is_recorded(ledger: EffectLedger, tmp_path: Path, connect: Connect) -> None:
    repeats = Route("payments", "POST", "/refunds", Reply(json="${request.query.page}"))
    with ledger.run([repeats], tmp_path / "1") as run:
        client = connect(run.urls["payments"])
        assert client.call("/refunds?page=1&dry=yes&page=2") == (200, ["1", "2"])
        assert client.call("/refunds?page=1&dry=yes&page=3") == (200, ["1", "3"])
    first, second = run.history.entries
    assert first.query == {"page": ["1", "2"], "dry": "yes"}
    assert first.content != second.content


def test_a_run_has_routes_a_record_and_an_address_of_its_own(
    ledger: EffectLedger, tmp_path: Path, connect: Connect
) -> None:
    second = Route("payments", "POST", "/refunds", Reply(json={"ok": False}))
    with ledger.run([PAYMENTS], tmp_path / "1") as one, ledger.run([second], tmp_path / "2") as other:
        first, last = connect(one.urls["payments"]), connect(other.urls["payments"])
        assert [first.call(), last.call(), first.call()] == [
            (200, {"ok": True}),
            (200, {"ok": False}),
            (200, {"ok": True}),
        ]
        first.http.request("POST", "/refunds")
        assert first.http.getresponse().status == 404
    assert [len(run.history.entries) for run in (one, other)] == [2, 1]
    assert [run.history.unknown for run in (one, other)] == ["", ""]
    assert (tmp_path / "1").stat().st_mode & 0o077 == 0
    status, body = connect(one.urls["payments"]).call()
    assert (status, "the run has ended" in body["error"]) == (404, True)


def test_calls_to_the_model_are_in_the_same_history(ledger: EffectLedger, tmp_path: Path, connect: Connect) -> None:
    rules: list[dict[str, Any]] = [{"fault": {"status": 503}, "times": 1}, {"reply": {"text": "ok"}}]
    # Larger than a call of the job may be, and escaped.
    text = "hé" * 1024 * 1024
    chat = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}], "stream": False})
    with (
        ledger.run([PAYMENTS], tmp_path / "e") as run,
        ModelServer() as models,
        models.channel(rules, run.recorder) as channel,
    ):
        model = connect(channel.ollama_url)
        assert model.call("/api/chat", chat)[0] == 503
        connect(run.urls["payments"]).call()
        # As after a pause in which the ledger would have closed the connection.
        run.recorder._used_s -= 3600
        assert model.call("/api/chat", chat, **{"X-Flink-Agents-Input": "4"})[0] == 200
    assert run.history.unknown == ""
    assert [(one.source, one.endpoint, one.route, one.status, one.fault) for one in run.history.entries] == [
        ("llm", "ollama", "POST /api/chat", 503, "status"),
        ("effects", "payments", "POST /refunds", 200, ""),
        ("llm", "ollama", "POST /api/chat", 200, ""),
    ]
    assert (run.history.entries[2].input, run.history.entries[2].body) == (4, json.loads(chat))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_reset_is_a_reset(ledger: EffectLedger, tmp_path: Path, connect: Connect, moment: str) -> None:
    route = Route("payments", "POST", "/refunds", fault=Fault(delay_s=0.3, reset=moment, times=1))
    with ledger.run([route], tmp_path / "e") as run:
        client = connect(run.urls["payments"])
        started = now_s()
        with pytest.raises(ConnectionResetError):
            client.call()
        assert now_s() - started >= 0.3
        assert connect(run.urls["payments"]).call()[0] == 200
    assert [one.status for one in run.history.entries] == ([None, 200] if moment == "after" else [200])


def test_a_slow_body_takes_its_time_and_is_whole(ledger: EffectLedger, tmp_path: Path, connect: Connect) -> None:
    route = Route("payments", "POST", "/refunds", Reply(json={"ok": "x" * 1000}), Fault(slow_s=0.4))
    with ledger.run([route], tmp_path / "e") as run:
        started = now_s()
        assert connect(run.urls["payments"]).call() == (200, {"ok": "x" * 1000})
        assert now_s() - started >= 0.4


def test_the_end_of_a_run_ends_its_delays(ledger: EffectLedger, tmp_path: Path, connect: Connect) -> None:
    route = Route("payments", "POST", "/refunds", fault=Fault(delay_s=60))
    with ledger.run([route], tmp_path / "e") as run:
        client = connect(run.urls["payments"])
        client.http.request("POST", client.root + "/refunds", b"{}")
        wait_until(lambda: ((tmp_path / "e").stat().st_size or None, "no call"), what="the call", timeout_s=60)
        assert (len(run.so_far().entries), run.so_far().unknown) == (1, "")
    with pytest.raises(ConnectionResetError):
        client.http.getresponse()
    assert len(run.history.entries) == 1


def test_no_answered_call_is_lost_when_the_ledger_is_killed(tmp_path: Path, connect: Connect) -> None:
    ledger = EffectLedger(tmp_path)
    answered: list[int] = []

    def load(number: int) -> None:
        client = connect(run.urls["payments"])
        try:
            for index in range(1_000_000):
                call = number * 1_000_000 + index
                client.call(body=str(call))
                answered.append(call)
        except (ConnectionError, http.client.HTTPException):
            return

    try:
        with ledger.run([PAYMENTS], tmp_path / "e") as run:
            threads = [threading.Thread(target=load, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            wait_until(lambda: (True if len(answered) > 400 else None, "too few calls"), what="load", timeout_s=60)
            os.kill(ledger.process.command_pid() or 0, signal.SIGKILL)
            for thread in threads:
                thread.join()
            wait_until(lambda: (run.so_far().unknown or None, "nothing"), what="the end of the record", timeout_s=60)
        assert run.history.unknown
        recorded = [entry.body for entry in run.history.entries]
        assert set(answered) <= set(recorded)
        assert len(recorded) - len(answered) <= len(threads)
        assert not ledger.usable
    finally:
        ledger.close()


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_without_end_is_refused_within_bounds(
    ledger: EffectLedger, tmp_path: Path, connect: Connect, announced: bool
) -> None:
    with ledger.run([PAYMENTS], tmp_path / "e") as run:
        client = connect(run.urls["payments"])
        before = ledger.process.resident_bytes()
        framing = f"Content-Length: {1 << 40}" if announced else "Transfer-Encoding: chunked"
        with socket.create_connection(client.address, timeout=60) as endless:
            endless.sendall(f"POST {client.root}/refunds HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n".encode())
            chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
            sent = 0
            try:
                while sent < 4096 * LIMIT_BYTES:
                    endless.sendall(chunk)
                    sent += len(chunk)
            except OSError:
                pass
        assert sent < 4096 * LIMIT_BYTES
        assert ledger.process.resident_bytes() - before < 32 * LIMIT_BYTES
        assert client.call()[0] == 200
    assert [(entry.status, entry.fault) for entry in run.history.entries] == [(413, "refused body"), (200, "")]


def test_too_many_connections_are_refused_and_the_others_served(
    ledger: EffectLedger, tmp_path: Path, connect: Connect
) -> None:
    with ledger.run([PAYMENTS], tmp_path / "e") as run, ExitStack() as stack:
        client = connect(run.urls["payments"])
        assert client.call()[0] == 200
        before = ledger.process.resident_bytes()
        held = [stack.enter_context(socket.create_connection(client.address, timeout=60)) for _ in range(5000)]
        assert client.call()[0] == 200
        process = psutil.Process(ledger.process.command_pid())
        wait_until(
            lambda: (True if process.num_fds() < 1050 else None, f"{process.num_fds()} descriptors"),
            what="the refusals",
            timeout_s=60,
        )
        assert held[-1].recv(100).startswith(b"HTTP/1.1 503")
        assert ledger.process.resident_bytes() - before < 64 * LIMIT_BYTES
    assert [entry.status for entry in run.history.entries] == [200, 200]
    with ledger.run([PAYMENTS], tmp_path / "f") as run:
        assert connect(run.urls["payments"]).call()[0] == 200


def test_requests_that_are_no_http_fill_no_log(tmp_path: Path, connect: Connect) -> None:
    ledger = EffectLedger(tmp_path)
    try:
        with ledger.run([PAYMENTS], tmp_path / "e") as run:
            client = connect(run.urls["payments"])
            for _ in range(300):
                with socket.create_connection(client.address, timeout=60) as odd:
                    odd.sendall(b"POST / HTTP/9.9\r\nX\r\n\r\n")
                    assert odd.recv(1000).startswith(b"HTTP/1.0 400")
            assert client.call()[0] == 200
        assert ledger.process.log.read_text().count("Error handling request") == 200
    finally:
        ledger.close()


def test_a_header_without_end_is_refused(ledger: EffectLedger, tmp_path: Path, connect: Connect) -> None:
    with ledger.run([PAYMENTS], tmp_path / "e") as run:
        client = connect(run.urls["payments"])
        with socket.create_connection(client.address, timeout=60) as endless:
            endless.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            endless.sendall(f"POST {client.root}/refunds HTTP/1.1\r\nX: ".encode())
            with pytest.raises(ConnectionError):
                endless.sendall(b"x" * 65536 * 1000)
        assert client.call()[0] == 200
    assert len(run.history.entries) == 1


def test_a_full_disk_ends_the_record_and_no_call_is_answered(
    ledger: EffectLedger, tmp_path: Path, connect: Connect
) -> None:
    def run_with(file: Path) -> LedgerRun:
        with ledger.run([PAYMENTS], file) as run, pytest.raises(ConnectionError):
            connect(run.urls["payments"]).call(body=b"x" * 10_000)
        return run

    process = psutil.Process(ledger.process.command_pid())
    process.rlimit(psutil.RLIMIT_FSIZE, (5_000, psutil.RLIM_INFINITY))
    try:
        run = run_with(tmp_path / "e")
    finally:
        process.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
    assert "could not be written" in run.history.unknown
    assert run.history.entries == ()


def test_a_shadow_waits_for_the_call_that_serves_and_is_one_of_the_run_after_its_release(
    ledger: EffectLedger, tmp_path: Path, connect: Connect
) -> None:
    with (
        ledger.run([PAYMENTS], tmp_path / "served") as run,
        ledger.shadow(run, [PAYMENTS], tmp_path / "held") as shadow,
    ):
        assert run.urls["payments"] != shadow.urls["payments"]
        serving, ahead = connect(run.urls["payments"]), connect(shadow.urls["payments"])
        statuses: list[int] = []
        early = threading.Thread(target=lambda: statuses.append(ahead.call()[0]))
        early.start()
        wait_until(lambda: (shadow.waiting() == 1 or None, "no call waits"), what="the early call", timeout_s=60)
        assert statuses == []
        serving.call()
        early.join()
        assert (statuses, shadow.waiting()) == ([200], 0), "it was answered once the other call was recorded"
        assert [len(each.so_far().entries) for each in (run, shadow)] == [1, 1]
        shadow.release()
        assert ahead.call(body=b'{"new": true}') == (200, {"ok": True})
    assert [len(each.history.entries) for each in (run, shadow)] == [2, 1]
    assert [each.history.unknown for each in (run, shadow)] == ["", ""]
