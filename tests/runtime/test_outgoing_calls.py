"""An action's calls to the harness carry the key and the number of the input, and no other call does."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen

import pytest
import requests
from call_log import PATH, CallLog, call_log
from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

from flink_agents_runtime import LocalHost, plan_of


@pytest.fixture(scope="module")
def log() -> Iterator[CallLog]:
    with call_log() as served:
        yield served


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
    log: CallLog, *urls: str, keys: tuple[Any, ...] = ("a", 7), agent: type[Agent] = Caller
) -> list[tuple[str, str | None, str | None]]:
    log.calls.clear()
    inputs = [{"key": key, "value": url} for url in urls for key in keys]
    result = LocalHost(plan_of(agent(), {})).run(inputs)
    assert result.failure is None
    return sorted(((call.path, call["Key"], call["Input"]) for call in log.calls), key=str)


def test_calls_on_every_thread_carry_key_input_and_action(log: CallLog) -> None:
    found = calls_to(log, f"http://127.0.0.1:{log.port}{PATH}")
    assert found == [(PATH, '"a"', "0")] * 4 + [(PATH, "7", "1")] * 4
    assert {call["Action"] for call in log.calls} == {'"call"'}


@pytest.mark.parametrize("imported", [True, False])
def test_clients_of_models_carry_key_and_input(log: CallLog, monkeypatch: pytest.MonkeyPatch, imported: bool) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in ("httpx", "httpx2")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [one for one in sys.meta_path if type(one).__name__ != "_ClientFinder"])
    if imported:
        importlib.import_module("httpx")
        importlib.import_module("httpx2")
    found = calls_to(log, f"http://127.0.0.1:{log.port}{PATH}", agent=ModelCaller)
    assert found == [(PATH, '"a"', "0")] * 4 + [(PATH, "7", "1")] * 4
    assert set(calls_to(log, f"http://127.0.0.1:{log.port}/payments", agent=ModelCaller)) == {("/payments", None, None)}


@pytest.mark.parametrize("path", ["/payments", "/effects/payments", "/effects-abc/payments"])
def test_calls_to_other_addresses_are_unchanged(log: CallLog, path: str) -> None:
    assert set(calls_to(log, f"http://127.0.0.1:{log.port}{path}")) == {(path, None, None)}
    assert {call["Action"] for call in log.calls} == {None}


def test_a_call_by_another_name_of_the_machine_is_unchanged(log: CallLog) -> None:
    assert set(calls_to(log, f"http://localhost:{log.port}{PATH}")) == {(PATH, None, None)}


def test_a_key_that_no_header_holds_is_left_out(log: CallLog) -> None:
    found = set(calls_to(log, f"http://127.0.0.1:{log.port}{PATH}", keys=("x" * 3000, "\u00fc\n")))
    assert found == {(PATH, None, "0"), (PATH, '"\\u00fc\\n"', "1")}


def test_calls_outside_of_an_action_carry_nothing(log: CallLog) -> None:
    calls_to(log, f"http://127.0.0.1:{log.port}{PATH}")
    log.calls.clear()
    post(f"http://127.0.0.1:{log.port}{PATH}")
    assert [(call.path, call["Key"], call["Input"]) for call in log.calls] == [(PATH, None, None)]
