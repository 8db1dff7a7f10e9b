"""Measure what a call to the effects ledger costs, and how many calls one core takes.

The processor time of the ledger's process is measured beside the clock, because the client of the
measurement needs as much of a core as the ledger does.
"""

from __future__ import annotations

import socket
import statistics
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from flink_testbed.ledger.ledger import EffectLedger
from flink_testbed.ledger.routes import Reply, Route

_ROUTE = Route("payments", "POST", "/refunds", Reply(json={"ok": True}))
_BODY = b'{"order": "o-1", "amount": 20, "text": "please refund the lamp, it came broken"}'
_SERIAL_CALLS = 2_000
_CLIENTS, _CALLS = 4, 5_000
_PIPELINED = 16


class _Client:
    """A keep-alive connection that sends the same call again and again."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((str(address.hostname), address.port or 0), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = (
            f"POST {address.path}/refunds HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
            f'X-Flink-Agents-Key: "c-1"\r\nX-Flink-Agents-Input: 7\r\nContent-Length: {len(_BODY)}\r\n\r\n'
        )
        self._call = head.encode() + _BODY

    def calls(self, number: int) -> None:
        """Send so many calls at once and wait for all answers."""
        self._socket.sendall(self._call * number)
        answered = b""
        while answered.count(b'{"ok": true}') < number:
            received = self._socket.recv(65536)
            if not received:
                raise ConnectionError("the ledger closed the connection")
            answered += received

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def ledger_costs(directory: Path) -> dict[str, float]:
    """Return the figures of the ledger; each call must be in its history."""
    ledger = EffectLedger(directory / "ledger")
    try:
        with ledger.run([_ROUTE], directory / "effects.jsonl") as run:
            url = run.urls["payments"]
            figures = _serial(url) | _loaded(url, psutil.Process(ledger.process.command_pid()))
        expected = _SERIAL_CALLS + _CLIENTS * _CALLS
        if run.history.unknown or len(run.history.entries) != expected:
            raise SystemExit(f"{len(run.history.entries)} of {expected} calls recorded: {run.history.unknown}")
    finally:
        ledger.close()
    return figures


def _serial(url: str) -> dict[str, float]:
    """Measure one call after the other."""
    client = _Client(url)
    times = []
    for _ in range(_SERIAL_CALLS):
        started = time.perf_counter()
        client.calls(1)
        times.append(time.perf_counter() - started)
    client.close()
    return {"ledger: one call, median [ms]": statistics.median(times) * 1000}


def _loaded(url: str, process: psutil.Process) -> dict[str, float]:
    """Measure the ledger under calls that never wait for each other."""

    def load() -> None:
        client = _Client(url)
        for _ in range(_CALLS // _PIPELINED):
            client.calls(_PIPELINED)
        client.calls(_CALLS % _PIPELINED)
        client.close()

    threads = [threading.Thread(target=load) for _ in range(_CLIENTS)]
    before, started = process.cpu_times(), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed, after = time.perf_counter() - started, process.cpu_times()
    calls = _CLIENTS * _CALLS
    used = after.user + after.system - before.user - before.system
    return {"ledger: calls/s by the clock": calls / elapsed, "ledger: calls/s of one core's time": calls / used}
