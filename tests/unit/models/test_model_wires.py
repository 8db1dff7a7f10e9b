"""Requests and responses of the wire formats of Ollama and OpenAI."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from flink_testbed.models import wire_ollama, wire_openai
from flink_testbed.models.chat import Body, ChatRequest, Stamp, pieces_of
from flink_testbed.models.rule import Reply, ToolCall, Usage

if TYPE_CHECKING:
    from flink_testbed.models.wire import Wire

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
def test_a_request_is_parsed(wire: Wire) -> None:
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


def test_ollama_streams_by_default_and_openai_does_not() -> None:
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
def test_an_invalid_request_is_refused_with_the_reason(body: bytes, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        wire_openai.read_request(body)
    assert message in str(refused.value)


def test_the_chunks_of_a_stream_join_to_the_text() -> None:
    text = "  two words\n\nand more "
    assert len(pieces_of(text)) > 3
    assert "".join(pieces_of(text)) == text


def test_an_ollama_reply_has_text_calls_counts_and_durations() -> None:
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


def test_an_ollama_reply_without_tools_has_no_tool_calls() -> None:
    """Clients take an empty list for a call."""
    assert "tool_calls" not in json.loads(wire_ollama.write_reply(plain(), Reply("ok"), USAGE, STAMP).data)["message"]


def test_the_last_line_of_an_ollama_stream_has_the_counts() -> None:
    lines = lines_of(wire_ollama.write_reply(plain(stream=True), Reply("two words", (PAY,)), USAGE, STAMP))
    assert [line["done"] for line in lines] == [False, False, False, True]
    assert "".join(line["message"]["content"] for line in lines) == "two words"
    assert lines[2]["message"]["tool_calls"][0]["function"]["name"] == "pay"
    assert lines[3]["eval_count"] == 9
    assert "eval_count" not in lines[0]


def test_an_openai_text_reply_has_usage_and_no_tool_calls() -> None:
    data = json.loads(wire_openai.write_reply(plain(), Reply("ok"), USAGE, STAMP).data)
    assert (data["id"], data["object"], data["created"]) == ("chatcmpl-7", "chat.completion", 1_000_000_000)
    assert data["usage"] == {"prompt_tokens": 41, "completion_tokens": 9, "total_tokens": 50}
    choice = data["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"] == "ok"
    assert "tool_calls" not in choice["message"]


def test_openai_tool_calls_have_ids_and_their_finish_reason() -> None:
    data = json.loads(wire_openai.write_reply(plain(), Reply("", (PAY, PAY)), USAGE, STAMP).data)
    choice = data["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert [call["id"] for call in choice["message"]["tool_calls"]] == ["call_7_0", "call_7_1"]
    assert json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"]) == {"order": "o-1"}


def test_an_openai_stream_is_terminated() -> None:
    events = events_of(wire_openai.write_reply(plain(stream=True), Reply("two words", (PAY,)), USAGE, STAMP))
    deltas = [event["choices"][0]["delta"] for event in events]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert "".join(delta.get("content", "") for delta in deltas) == "two words"
    assert deltas[3]["tool_calls"][0]["index"] == 0
    assert [event["choices"][0]["finish_reason"] for event in events] == [None] * 4 + ["tool_calls"]


def test_an_openai_stream_ends_with_usage_only_on_request() -> None:
    """Otherwise clients fail on a chunk without choices."""
    asked = events_of(wire_openai.write_reply(plain(True, True), Reply("ok"), USAGE, STAMP))
    not_asked = events_of(wire_openai.write_reply(plain(True), Reply("ok"), USAGE, STAMP))
    assert (asked[-1]["choices"], asked[-1]["usage"]["total_tokens"]) == ([], 50)
    assert all(event["choices"] for event in not_asked)


def test_an_error_is_in_the_field_that_the_client_reads() -> None:
    assert json.loads(wire_ollama.write_error("why").data) == {"error": "why"}
    assert json.loads(wire_openai.write_error("why").data)["error"]["message"] == "why"


def test_each_format_lists_the_models_at_its_own_path() -> None:
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
