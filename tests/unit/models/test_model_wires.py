"""The wire formats: what is read from a request, and what a response holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from flink_testbed.models import wire_ollama, wire_openai
from flink_testbed.models.chat import Body, ChatRequest, Stamp, pieces_of
from flink_testbed.models.rule import Reply, ToolCall, Usage

if TYPE_CHECKING:
    from flink_testbed.models.channel import Wire

STAMP = Stamp(seq=7, now_s=1_000_000_000.25)
USAGE = Usage(41, 9)
PAY = ToolCall("pay", {"order": "o-1"})
MESSAGE = {"role": "user", "content": "hi"}


def plain(stream: bool = False, stream_usage: bool = False) -> ChatRequest:
    return ChatRequest("m", (MESSAGE,), stream=stream, stream_usage=stream_usage)


def lines_of(body: Body) -> list[Any]:
    return [json.loads(line) for line in body.data.decode().splitlines()]


def events_of(body: Body) -> list[Any]:
    *events, done, rest = body.data.decode().split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]


@pytest.mark.parametrize("wire", [wire_ollama, wire_openai])
def test_a_request_is_read(wire: Wire) -> None:
    """Model, messages as sent, names of the tools and streaming are taken from the body; the rest is let be."""
    tools = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("pay", "look")]
    body = {
        "model": "m",
        "messages": [MESSAGE],
        "tools": tools,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    request = wire.read_request(json.dumps({**body, "temperature": 0.5}).encode())
    assert request == ChatRequest("m", (MESSAGE,), ("pay", "look"), stream=True, stream_usage=True)


def test_streaming_defaults_differ() -> None:
    """A request that does not say so streams with Ollama and does not with OpenAI, as the real ones do."""
    body = json.dumps({"model": "m", "messages": [], "tools": None}).encode()
    assert wire_ollama.read_request(body).stream
    assert not wire_openai.read_request(body).stream


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "the request body is not JSON"),
        (b"\xff", "the request body is not JSON"),
        (b"[" * 200_000, "the request body is not JSON"),
        (b"[]", "a JSON list, not an object"),
        (b'{"messages": []}', "needs a 'model' name, it has None"),
        (b'{"model": "m"}', "needs a list 'messages', it has None"),
        (b'{"model": "m", "messages": ["x"]}', "message 1 of the request is not an object with a 'role'"),
        (b'{"model": "m", "messages": [{"role": "user", "content": 1}]}', "message 1 of the request has a content"),
        (b'{"model": "m", "messages": [], "tools": [{"name": "pay"}]}', "'tools' must be an object with function.name"),
    ],
)
def test_an_unreadable_request_is_told_why(body: bytes, message: str) -> None:
    """The first thing wrong with a request is named; nothing but ValueError comes out."""
    with pytest.raises(ValueError) as refused:
        wire_openai.read_request(body)
    assert message in str(refused.value)


def test_pieces_join_to_the_text() -> None:
    """Cutting a text for a stream loses no blank, no line end."""
    text = "  two words\n\nand more "
    assert len(pieces_of(text)) > 3
    assert "".join(pieces_of(text)) == text


def test_ollama_reply() -> None:
    """Text, tool calls with arguments as an object, token counts and every duration are where Ollama has them."""
    data = json.loads(wire_ollama.write_reply(plain(), Reply("ok", (PAY,)), USAGE, STAMP).data)
    assert data["message"] == {
        "role": "assistant",
        "content": "ok",
        "tool_calls": [{"function": {"name": "pay", "arguments": {"order": "o-1"}}}],
    }
    assert (data["model"], data["created_at"]) == ("m", "2001-09-09T01:46:40.250000Z")
    assert (data["done"], data["done_reason"]) == (True, "stop")
    assert (data["prompt_eval_count"], data["eval_count"]) == (41, 9)
    assert all(data[f"{name}_duration"] > 0 for name in ("total", "load", "prompt_eval", "eval"))


def test_ollama_reply_without_tools_has_no_tool_calls() -> None:
    """Clients take an empty list for a call; it is left out."""
    assert "tool_calls" not in json.loads(wire_ollama.write_reply(plain(), Reply("ok"), USAGE, STAMP).data)["message"]


def test_ollama_stream() -> None:
    """A stream brings the text in pieces, then the calls, and is done, with its counts, in the last line only."""
    lines = lines_of(wire_ollama.write_reply(plain(stream=True), Reply("two words", (PAY,)), USAGE, STAMP))
    assert [line["done"] for line in lines] == [False, False, False, True]
    assert "".join(line["message"]["content"] for line in lines) == "two words"
    assert lines[2]["message"]["tool_calls"][0]["function"]["name"] == "pay"
    assert lines[3]["eval_count"] == 9
    assert "eval_count" not in lines[0]


def test_openai_reply() -> None:
    """A text reply stops, has usage with its total, and no tool calls."""
    data = json.loads(wire_openai.write_reply(plain(), Reply("ok"), USAGE, STAMP).data)
    assert (data["id"], data["object"], data["created"]) == ("chatcmpl-7", "chat.completion", 1_000_000_000)
    assert data["usage"] == {"prompt_tokens": 41, "completion_tokens": 9, "total_tokens": 50}
    choice = data["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"] == "ok"
    assert "tool_calls" not in choice["message"]


def test_openai_tool_calls() -> None:
    """Tool calls have ids of their own, arguments as a JSON text, a null content, and their own reason to finish."""
    data = json.loads(wire_openai.write_reply(plain(), Reply("", (PAY, PAY)), USAGE, STAMP).data)
    choice = data["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert [call["id"] for call in choice["message"]["tool_calls"]] == ["call_7_0", "call_7_1"]
    assert json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"]) == {"order": "o-1"}


def test_openai_stream() -> None:
    """A stream brings the role, the text in pieces, the indexed calls and the reason to finish, and is terminated."""
    events = events_of(wire_openai.write_reply(plain(stream=True), Reply("two words", (PAY,)), USAGE, STAMP))
    deltas = [event["choices"][0]["delta"] for event in events]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert "".join(delta.get("content", "") for delta in deltas) == "two words"
    assert deltas[3]["tool_calls"][0]["index"] == 0
    assert [event["choices"][0]["finish_reason"] for event in events] == [None] * 4 + ["tool_calls"]


def test_openai_stream_usage_on_request() -> None:
    """Usage ends a stream only where it was asked for: elsewhere clients trip over a chunk without choices."""
    asked = events_of(wire_openai.write_reply(plain(True, True), Reply("ok"), USAGE, STAMP))
    not_asked = events_of(wire_openai.write_reply(plain(True), Reply("ok"), USAGE, STAMP))
    assert (asked[-1]["choices"], asked[-1]["usage"]["total_tokens"]) == ([], 50)
    assert all(event["choices"] for event in not_asked)


def test_errors_are_where_each_client_looks() -> None:
    """Ollama's client reads ``error``, OpenAI's reads ``error.message``."""
    assert json.loads(wire_ollama.write_error("why").data) == {"error": "why"}
    assert json.loads(wire_openai.write_error("why").data)["error"]["message"] == "why"


def test_lists_of_models() -> None:
    """Each format lists the models at its own path and has nothing at the other's."""
    tags = wire_ollama.write_get("/api/tags", ["a", "b"], now_s=0)
    models = wire_openai.write_get("/v1/models", ["a", "b"], now_s=0)
    version = wire_ollama.write_get("/api/version", [], now_s=0)
    assert tags is not None
    assert models is not None
    assert version is not None
    assert [model["name"] for model in json.loads(tags.data)["models"]] == ["a", "b"]
    assert [model["id"] for model in json.loads(models.data)["data"]] == ["a", "b"]
    assert json.loads(version.data)["version"]
    assert wire_ollama.write_get("/v1/models", [], now_s=0) is None
    assert wire_openai.write_get("/api/tags", [], now_s=0) is None
