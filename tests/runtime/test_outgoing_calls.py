"""An action's calls to the harness carry the key and the number of the input, and no other call does."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.request import Request, urlopen

import pytest
import requests
from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

from flink_agents_runtime import LocalHost, plan_of

PATH = "/effects-" + "a" * 32 + "/payments"
seen: list[tuple[str, str | None, str | None]] = []
actions: set[str | None] = set()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        seen.append((self.path, self.headers["X-Flink-Agents-Key"], self.headers["X-Flink-Agents-Input"]))
        actions.add(self.headers["X-Flink-Agents-Action"])
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args: Any) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def post(url: str) -> int:
    return requests.post(url, json={}, timeout=10).status_code


def plain(url: str) -> int:
    with urlopen(Request(url, b"{}"), timeout=10) as answer:
        return int(answer.status)


def by_client(url: str) -> None:
    """Call with clients that are imported now, as a model's connection imports its own."""
    for name in ("httpx", "httpx2"):
        client = importlib.import_module(name)
        assert client.post(url, json={}).status_code == 200


class ModelCaller(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def call(event: Event, ctx: RunnerContext) -> None:
        url = InputEvent.from_event(event).input
        by_client(url)
        await ctx.durable_execute_async(by_client, url)
        ctx.send_event(OutputEvent(output=None))


class Caller(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def call(event: Event, ctx: RunnerContext) -> None:
        url = InputEvent.from_event(event).input
        plain(url)
        ctx.durable_execute(post, url)
        await ctx.durable_execute_async(post, url)
        plain(url)
        ctx.send_event(OutputEvent(output=None))


def calls_to(
    *urls: str, keys: tuple[Any, ...] = ("a", 7), agent: type[Agent] = Caller
) -> list[tuple[str, str | None, str | None]]:
    seen.clear()
    actions.clear()
    inputs = [{"key": key, "value": url} for url in urls for key in keys]
    result = LocalHost(plan_of(agent(), {})).run(inputs)
    assert result.failure is None
    return sorted(seen, key=str)


def test_calls_on_every_thread_carry_key_input_and_action(port: int) -> None:
    found = calls_to(f"http://127.0.0.1:{port}{PATH}")
    assert found == [(PATH, '"a"', "0")] * 4 + [(PATH, "7", "1")] * 4
    assert actions == {'"call"'}


@pytest.mark.parametrize("imported", [True, False])
def test_clients_of_models_carry_key_and_input(port: int, monkeypatch: pytest.MonkeyPatch, imported: bool) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in ("httpx", "httpx2")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [one for one in sys.meta_path if type(one).__name__ != "_ClientFinder"])
    if imported:
        importlib.import_module("httpx")
        importlib.import_module("httpx2")
    found = calls_to(f"http://127.0.0.1:{port}{PATH}", agent=ModelCaller)
    assert found == [(PATH, '"a"', "0")] * 4 + [(PATH, "7", "1")] * 4
    assert set(calls_to(f"http://127.0.0.1:{port}/payments", agent=ModelCaller)) == {("/payments", None, None)}


@pytest.mark.parametrize("path", ["/payments", "/effects/payments", "/effects-abc/payments"])
def test_calls_to_other_addresses_are_unchanged(port: int, path: str) -> None:
    assert set(calls_to(f"http://127.0.0.1:{port}{path}")) == {(path, None, None)}
    assert actions == {None}


def test_a_call_by_another_name_of_the_machine_is_unchanged(port: int) -> None:
    assert set(calls_to(f"http://localhost:{port}{PATH}")) == {(PATH, None, None)}


def test_a_key_that_no_header_holds_is_left_out(port: int) -> None:
    found = set(calls_to(f"http://127.0.0.1:{port}{PATH}", keys=("x" * 3000, "\u00fc\n")))
    assert found == {(PATH, None, "0"), (PATH, '"\\u00fc\\n"', "1")}


def test_calls_outside_of_an_action_carry_nothing(port: int) -> None:
    calls_to(f"http://127.0.0.1:{port}{PATH}")
    seen.clear()
    post(f"http://127.0.0.1:{port}{PATH}")
    assert seen == [(PATH, None, None)]
