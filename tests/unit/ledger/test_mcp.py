"""The MCP server that the tools of a run make up: its answers, and what is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flink_testbed.ledger.book import Book
from flink_testbed.ledger.entry import EffectCall, HistoryReader, Seen
from flink_testbed.ledger.mcp import answer_mcp
from flink_testbed.ledger.routes import TOOL, Fault, Reply, Route

SCHEMA = {"type": "object", "properties": {"order": {"type": "string"}}}
WHERE = Reply(text="order ${request.json.order} is on its way")
TOOLS = [
    Route("orders", TOOL, "where_is", WHERE, description="Say where an order is.", arguments=SCHEMA),
    Route("orders", TOOL, "stock", Reply(json={"tea": 3}), Fault(status=500, times=1), arguments=SCHEMA),
    Route("orders", TOOL, "pay", Reply(text="paid"), Fault(reset="after"), arguments=SCHEMA),
    Route("others", TOOL, "where_is", Reply(text="nowhere"), arguments=SCHEMA),
]
Ask = Callable[..., Any]


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    book = Book(TOOLS, tmp_path / "effects.jsonl")
    yield book
    book.close()


@pytest.fixture
def ask(book: Book) -> Ask:
    """Send a JSON-RPC request and return the result."""

    def ask(method: str, **params: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).encode()
        answer = answer_mcp(book, seen(body))
        reply = json.loads(answer.body)
        assert (answer.status, reply["jsonrpc"], reply["id"]) == (200, "2.0", 7)
        return reply["error"] if "error" in reply else reply["result"]

    return ask


def seen(body: bytes, method: str = "POST") -> Seen:
    return Seen("effects", "orders", method, "/", {}, {"X-Flink-Agents-Input": "3"}, body)


def calls(book: Book, tmp_path: Path) -> tuple[EffectCall, ...]:
    return HistoryReader(tmp_path / "effects.jsonl").read(book.written).entries


def test_a_client_learns_the_tools_of_its_server_and_nothing_is_recorded(ask: Ask, book: Book, tmp_path: Path) -> None:
    greeting = ask("initialize", protocolVersion="2025-03-26")
    assert (greeting["protocolVersion"], greeting["capabilities"]) == ("2025-03-26", {"tools": {}})
    assert ask("initialize", protocolVersion="1999-01-01")["protocolVersion"] == "2025-06-18"
    first, *others = ask("tools/list")["tools"]
    assert first == {"name": "where_is", "description": "Say where an order is.", "inputSchema": SCHEMA}
    assert [tool["name"] for tool in others] == ["stock", "pay"]
    assert ask("ping") == {}
    assert ask("prompts/list") == {"prompts": []}
    assert ask("sampling/createMessage") == {
        "code": -32601,
        "message": "orders serves tools only, not sampling/createMessage",
    }
    assert answer_mcp(book, seen(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}')).status == 202
    assert answer_mcp(book, seen(b"", "GET")).status == 405
    assert [answer_mcp(book, seen(body)).status for body in (b"[]", b"7", b'{"id": 1}')] == [400] * 3
    assert calls(book, tmp_path) == ()


def test_a_call_of_a_tool_is_recorded_with_its_arguments(ask: Ask, book: Book, tmp_path: Path) -> None:
    said = ask("tools/call", name="where_is", arguments={"order": "o-1"})
    assert said == {"content": [{"type": "text", "text": "order o-1 is on its way"}], "isError": False}
    (call,) = calls(book, tmp_path)
    assert (call.endpoint, call.route, call.method, call.path) == ("orders", "tool where_is", "tool", "where_is")
    assert (call.body, call.input, call.status, call.accepted, call.asks) == ({"order": "o-1"}, 3, 200, True, False)


def test_a_tool_without_a_script_is_an_error_by_name(ask: Ask, book: Book, tmp_path: Path) -> None:
    said = ask("tools/call", name="were_is", arguments={"order": "o-1"})
    assert said["isError"] is True
    assert (
        "orders has no tool were_is: it has where_is, stock, pay; the nearest is where_is"
        in (said["content"][0]["text"])
    )
    (call,) = calls(book, tmp_path)
    assert (call.route, call.path, call.status, call.accepted) == ("", "were_is", 404, False)


REFUSED = [
    (b'{"id": 1, "method": "tools/call", "params": {"name": "pay", "arguments": [5]}}', "tool", "pay", [5]),
    (b'{"id": 1, "method": "tools/call", "params": {"name": "pay", "arguments": "5"}}', "tool", "pay", "5"),
    (b'{"method": "tools/call", "params": {"name": "pay", "arguments": {"n": 5}}}', "tool", "pay", {"n": 5}),
    (b'{"id": 1, "method": "tools/call", "params": {"arguments": {}}}', "POST", "/", None),
    (b'{"id": 1, "method": "tools/call", "params": [{"name": "pay"}]}', "POST", "/", None),
    (b'[{"id": 1, "method": "tools/call", "params": {"name": "pay"}}]', "POST", "/", None),
    (b'{"id": 1, "method": "tools/call"', "POST", "/", None),
]


@pytest.mark.parametrize(("body", "method", "path", "arguments"), REFUSED)
def test_a_refused_call_is_recorded_and_has_no_effect(
    body: bytes, method: str, path: str, arguments: Any, book: Book, tmp_path: Path
) -> None:
    assert "error" in json.loads(answer_mcp(book, seen(body)).body)
    (call,) = calls(book, tmp_path)
    assert (call.route, call.method, call.path, call.input, call.accepted) == ("", method, path, 3, False)
    assert method == "POST" or call.body == arguments
    assert (call.status, bool(call.fault)) == (400, True)


def test_faults_of_a_tool(ask: Ask, book: Book, tmp_path: Path) -> None:
    """An error refuses the call; after a reset the tool has done its work."""
    assert [ask("tools/call", name="stock")["isError"] for _ in range(2)] == [True, False]
    body = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "pay"}}'
    assert answer_mcp(book, seen(body)).reset
    assert [(call.path, call.body, call.accepted, call.fault) for call in calls(book, tmp_path)] == [
        ("stock", {}, False, "status 500"),
        ("stock", {}, True, ""),
        ("pay", {}, True, "reset after"),
    ]
