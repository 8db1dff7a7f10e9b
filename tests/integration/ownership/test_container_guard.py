"""The guard of containers, at an engine that only lists and removes: no Docker is needed."""

from __future__ import annotations

import json
import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest

from flink_testbed.core.clock import pause, wait_until
from flink_testbed.ownership.container_owner import OWNER, ContainerGuard, guarded_tokens, this_owner

OWNER_PROGRAM = """
import sys, time
from flink_testbed.ownership.container_owner import ContainerGuard, this_owner
owner = this_owner("a-run")
guard = ContainerGuard(owner, sys.argv[1])
print(owner.token, guard.sockets, flush=True)
time.sleep(600)
"""


class Engine(socketserver.ThreadingUnixStreamServer):
    """The part of Docker's API that the guard uses. ``things`` maps path and name to labels."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        self.url = f"unix://{path}"
        self.things: dict[tuple[str, str], dict[str, str]] = {}
        super().__init__(str(path), EngineHandler)

    def add(self, token: str) -> None:
        for kind in ("containers", "networks", "volumes"):
            self.things[kind, f"{token}-{kind}"] = {OWNER: token}

    def of(self, token: str) -> list[str]:
        return [name for (_, name), labels in list(self.things.items()) if labels[OWNER] == token]


class EngineHandler(BaseHTTPRequestHandler):
    server: Engine

    def do_GET(self) -> None:
        kind, query = self._kind(), parse_qs(urlsplit(self.path).query)
        if kind == "version":
            self._answer(200, {"ApiVersion": "1.44"})
            return
        (label,) = json.loads(query["filters"][0])["label"]
        found = [
            {"Id": name, "Name": name}
            for (known, name), labels in list(self.server.things.items())
            if known == kind and f"{OWNER}={labels[OWNER]}" == label
        ]
        self._answer(200, {"Volumes": found} if kind == "volumes" else found)

    def do_DELETE(self) -> None:
        del self.server.things[self._kind(), urlsplit(self.path).path.rpartition("/")[2]]
        self._answer(204, None)

    def _kind(self) -> str:
        words = [word for word in urlsplit(self.path).path.split("/") if word and not word.startswith("v1.")]
        return words[0]

    def _answer(self, status: int, data: object) -> None:
        body = b"" if data is None else json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine(tmp_path / "docker.sock") as made:
        threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True).start()
        yield made
        made.shutdown()


def wait_removed(engine: Engine, token: str) -> None:
    wait_until(lambda: (None if engine.of(token) else True, str(engine.of(token))), what="removal", timeout_s=60)


def wait_unguarded(token: str) -> None:
    wait_until(lambda: (None if token in guarded_tokens() else True, token), what="the guard's end", timeout_s=60)


def test_everything_of_a_killed_owner_is_removed(engine: Engine) -> None:
    engine.add("stranger")
    arguments = [sys.executable, "-c", OWNER_PROGRAM, engine.url]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        token, sockets = owner.stdout.readline().split()
        engine.add(token)
        wait_until(lambda: (token in guarded_tokens() or None, "no guard"), what="the guard", timeout_s=60)
        assert Path(sockets).is_dir()
        owner.kill()
    wait_removed(engine, token)
    wait_unguarded(token)
    assert not Path(sockets).exists()
    assert len(engine.of("stranger")) == 3


def test_detached_containers_live_until_their_pipe_closes(engine: Engine) -> None:
    owner = this_owner("a-run")
    guard = ContainerGuard(owner, engine.url)
    engine.add(owner.token)
    descriptor, process = guard.detach()
    assert not guard.close()
    pause(1)
    assert len(engine.of(owner.token)) == 3
    assert process.is_alive()
    os.close(descriptor)
    wait_removed(engine, owner.token)
    psutil.Process(process.pid).wait(60)


def test_closing_removes_everything_and_waits(engine: Engine) -> None:
    owner = this_owner("a-run")
    guard = ContainerGuard(owner, engine.url)
    engine.add(owner.token)
    assert guard.close()
    assert engine.of(owner.token) == []
    assert owner.token not in guarded_tokens()
    assert not guard.sockets.exists()
