"""The tools of a run's routes as an MCP server: JSON-RPC over HTTP, without sessions and streams.

This is the part of the Model Context Protocol ("streamable HTTP") that clients of tools use. The
``mcp`` package would bring a second web framework, and would answer before the call is recorded.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from flink_testbed.core.http_server import HttpAnswer
from flink_testbed.ledger.book import Book
from flink_testbed.ledger.entry import Seen
from flink_testbed.ledger.routes import TOOL

# Newest first; a client that asks for another one gets the newest, and decides.
_VERSIONS = ("2025-06-18", "2025-03-26", "2024-11-05")
_NOT_JSON, _NO_REQUEST, _NO_METHOD, _WRONG_PARAMETERS = -32700, -32600, -32601, -32602
_REFUSED = 400
_CALL = "tools/call"


def answer_mcp(book: Book, seen: Seen) -> HttpAnswer:
    """Return the answer of the MCP server that the tools of ``seen.endpoint`` make up.

    Only calls of tools are recorded, with those that are refused and all that might be one: the other
    requests change nothing and are the client's own.
    """
    if seen.method != "POST":
        # The client asks for a stream of messages, or ends a session.
        return HttpAnswer(405, headers={"Allow": "POST"})
    try:
        request = json.loads(seen.body)
    except (ValueError, RecursionError):
        return _refuse(book, seen, "no JSON", None, _NOT_JSON, "the body is not JSON")
    if isinstance(request, list) and any(isinstance(one, dict) and one.get("method") == _CALL for one in request):
        return _refuse(book, seen, "a batch of calls", None, _NO_REQUEST, "the body is not one JSON-RPC request")
    if not isinstance(request, dict) or not isinstance(request.get("method"), str):
        return _error(None, _NO_REQUEST, "the body is not one JSON-RPC request")
    if request["method"] == _CALL:
        return _called(book, seen, request)
    if "id" not in request:
        return HttpAnswer(202)
    params = request.get("params")
    result = _result(book, seen.endpoint, request["method"], params if isinstance(params, dict) else {})
    if result is None:
        return _error(request["id"], _NO_METHOD, f"{seen.endpoint} serves tools only, not {request['method']}", 200)
    return HttpAnswer(200, _reply(request["id"], result))


def _result(book: Book, endpoint: str, method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    """Return the result of a request that calls no tool, None for an unknown method."""
    if method == "initialize":
        asked = params.get("protocolVersion")
        return {
            "protocolVersion": asked if asked in _VERSIONS else _VERSIONS[0],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": endpoint, "version": "1"},
        }
    if method == "tools/list":
        return {
            "tools": [
                {"name": tool.path, "description": tool.description, "inputSchema": dict(tool.arguments)}
                for tool in book.tools(endpoint)
            ]
        }
    return {"ping": {}, "prompts/list": {"prompts": []}, "resources/list": {"resources": []}}.get(method)


def _called(book: Book, seen: Seen, request: dict[str, Any]) -> HttpAnswer:
    """Record a call of a tool and return its scripted answer; an unknown tool is an error of the tool."""
    params = request.get("params")
    params = params if isinstance(params, dict) else {}
    name, arguments = params.get("name"), params.get("arguments")
    arguments = {} if arguments is None else arguments
    number = request.get("id")
    if not isinstance(name, str) or not name:
        return _refuse(book, seen, "no tool named", number, _WRONG_PARAMETERS, "a call of a tool needs its name")
    call = replace(seen, method=TOOL, path=name, query={}, body=json.dumps(arguments).encode())
    if "id" not in request:
        return _refuse(book, call, "no request id", None, _NO_REQUEST, f"a call of {name} without an id has no answer")
    if not isinstance(arguments, dict):
        text = f"the arguments of {name} are no object"
        return _refuse(book, call, "no object of arguments", number, _WRONG_PARAMETERS, text)
    answer = book.answer(call)
    if answer.reset:
        return answer
    content = [{"type": "text", "text": answer.body.decode()}]
    result = {"content": content, "isError": answer.status >= _REFUSED}
    return HttpAnswer(200, _reply(number, result), delay_s=answer.delay_s)


def _refuse(book: Book, seen: Seen, why: str, number: Any, code: int, text: str) -> HttpAnswer:
    """Record a call that cannot be answered and return the error; the tool, if there is one, has done nothing."""
    book.refuse(seen, _REFUSED, text, why)
    return _error(number, code, text, 200 if code == _WRONG_PARAMETERS else _REFUSED)


def _reply(number: Any, result: dict[str, Any]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode()


def _error(number: Any, code: int, message: str, status: int = _REFUSED) -> HttpAnswer:
    error = {"code": code, "message": message}
    return HttpAnswer(status, json.dumps({"jsonrpc": "2.0", "id": number, "error": error}).encode())
