"""Recorded exchanges and forwarded requests: comparison, order, and the calls of a channel."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flink_testbed.models import wire_anthropic, wire_ollama, wire_openai
from flink_testbed.models.channel import UNMATCHED_STATUS, Channel
from flink_testbed.models.chat import ChatRequest, Stamp
from flink_testbed.models.exchange import Answered, Exchange, canonical, request_digest
from flink_testbed.models.recorded_reply import read_response
from flink_testbed.models.rule import Reply, ToolCall, Usage
from flink_testbed.models.script import Script
from flink_testbed.models.tape import Endpoint, Forward, Replay, Tape, in_stable_order
from flink_testbed.models.wire import Wire

OPENAI = "/v1/chat/completions"


def said(text: str, model: str = "m", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def answer(text: str, status: int = 200, retry_after_s: float | None = None) -> Answered:
    body = wire_openai.write_reply(ChatRequest("m", ()), Reply(text), Usage(4, 2), Stamp(1, 1.0))
    return Answered(status, "application/json", body.data.decode(), retry_after_s)


def exchange(text: str, reply: str = "ok", number: int | None = None, **more: Any) -> Exchange:
    return Exchange("openai", OPENAI, canonical(said(text, **more)), answer(reply), number)


def channel_of(tape: Tape) -> Channel:
    return Channel("http://127.0.0.1:1/token", Script(()), on_close=lambda: None, tape=tape)


def replay(*exchanges: Exchange, remark: str = "") -> Replay:
    return Replay(exchanges, lambda request: request, remark)


def ask(channel: Channel, text: str, path: str = OPENAI, **more: Any) -> tuple[int, Any]:
    delivery = channel.post_to_tape(path, json.dumps(said(text, **more)).encode(), {}, None)
    return delivery.status, json.loads(delivery.body.data)


def content(response: tuple[int, Any]) -> str:
    return str(response[1]["choices"][0]["message"]["content"])


def test_ids_of_tool_calls_and_the_order_of_names_do_not_count() -> None:
    def conversation(number: str) -> dict[str, Any]:
        call = {"id": number, "type": "function", "function": {"name": "pay", "arguments": "{}"}}
        return {
            "messages": [
                {"role": "assistant", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": number, "content": "paid"},
                {"role": "user", "content": [{"type": "tool_use", "id": f"t-{number}", "name": "pay", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"t-{number}", "content": "paid"}]},
            ],
            "model": "m",
        }

    first, second = conversation("a1"), dict(reversed(conversation("b7").items()))
    assert request_digest(OPENAI, canonical(first)) == request_digest(OPENAI, canonical(second))
    other = conversation("a1")
    other["messages"][1]["tool_call_id"] = "another"
    assert request_digest(OPENAI, canonical(first)) != request_digest(OPENAI, canonical(other))
    assert request_digest(OPENAI, {"id": "a"}) != request_digest(OPENAI, {"id": "b"})
    assert request_digest(OPENAI, first) != request_digest("/api/chat", first)


def test_a_request_gets_its_recorded_responses_in_order_and_then_the_last() -> None:
    tape = replay(exchange("hi", "first"), exchange("bye", "later"), exchange("hi", "second"))
    channel = channel_of(tape)
    assert [content(ask(channel, text)) for text in ("hi", "hi", "bye", "hi")] == ["first", "second", "later", "second"]
    assert [call.rule for call in channel.calls] == [0, 2, 1, 2]
    assert {call.usage for call in channel.calls} == {Usage(4, 2)}
    assert channel.calls[0].reply == {"text": "first"}
    assert not tape.repeats_itself
    assert replay(exchange("hi"), exchange("hi"), exchange("bye", "no")).repeats_itself


def test_a_recorded_error_is_given_again() -> None:
    limited = Exchange("openai", OPENAI, canonical(said("hi")), answer("", 429, 2.0))
    channel = channel_of(replay(limited))
    delivery = channel.post_to_tape(OPENAI, json.dumps(said("hi")).encode(), {}, None)
    assert (delivery.status, delivery.retry_after_s) == (429, 2.0)
    (call,) = channel.calls
    assert (call.status, call.reply, call.usage, call.nearest) == (429, {}, None, "")


def test_a_request_that_was_not_recorded_shows_the_nearest_and_the_difference() -> None:
    long = "the customer wants to have a refund of the order with the number " * 3
    channel = channel_of(replay(exchange("hello", tools=[]), exchange(long + "5"), remark="; the agent has changed"))
    status, _ = ask(channel, long + "6")
    (call,) = channel.unmatched
    assert (status, call.status) == (UNMATCHED_STATUS, UNMATCHED_STATUS)
    assert call.nearest == (
        "this request was not recorded; the nearest, exchange 2 of 2, differs: messages[0].content: recorded "
        '"... of the order with the number 5", asked "... of the order with the number 6"; the agent has changed'
    )
    ask(channel, "hello", model="x")
    assert channel.unmatched[1].nearest == (
        'this request was not recorded; the nearest, exchange 1 of 2, differs: model: recorded "m", asked "x"; tools: [] '
        "is missing; the agent has changed"
    )


def test_an_empty_cassette_says_so() -> None:
    channel = channel_of(replay())
    ask(channel, "hi")
    assert channel.unmatched[0].nearest == "this request was not recorded: the cassette is empty"


def test_invalid_requests_and_unknown_paths_reach_no_tape() -> None:
    channel = channel_of(replay(exchange("hi")))
    paths = [(OPENAI, b"{"), ("/v1/other", b"{}"), (OPENAI, b'{"model": "m"}')]
    assert [channel.post_to_tape(path, body, {}, None).status for path, body in paths] == [400, 404, 400]
    assert [channel.forwarded_path(path, body) for path, body in paths] == [None] * 3
    assert channel.forwarded_path(OPENAI, json.dumps(said("hi")).encode()) == OPENAI
    assert all(call.nearest for call in channel.calls)


def test_a_forwarded_request_is_kept_with_its_answer_as_it_is_compared() -> None:
    tape = Forward(Endpoint("https://api.example.com/v1/"), lambda request: {**request, "model": "***"}, "record")
    channel = channel_of(tape)
    body = json.dumps(said("hi")).encode()
    delivery = channel.post_to_tape(OPENAI, body, {"X-Flink-Agents-Input": "3"}, answer("hello"))
    assert json.loads(delivery.body.data)["choices"][0]["message"]["content"] == "hello"
    (kept,) = tape.exchanges
    assert (kept.request["model"], kept.input, kept.response) == ("***", 3, answer("hello"))
    assert (channel.calls[0].model, channel.calls[0].usage, tape.trouble) == ("m", Usage(4, 2), "")
    assert tape.endpoint is not None
    assert (tape.endpoint.base, Endpoint("http://h:1").base) == ("https://api.example.com", "http://h:1")
    assert "secret" not in repr(Endpoint("http://h", "secret"))


def test_a_service_without_an_answer_is_the_trouble_of_the_tape_and_not_the_agents() -> None:
    tape = Forward(Endpoint("http://h"), lambda request: request)
    channel = channel_of(tape)
    delivery = channel.post_to_tape(OPENAI, json.dumps(said("hi")).encode(), {}, None, "http://h: refused")
    assert (delivery.status, tape.trouble, tape.exchanges) == (502, "http://h: refused", [])
    (call,) = channel.calls
    assert (call.status, call.nearest) == (502, "")


def test_texts_to_embed_are_recorded_and_replayed() -> None:
    data = {"model": "e", "input": ["tea", "cake"]}
    response = Answered(200, "application/json", json.dumps({"embeddings": [[1.0], [2.0]], "prompt_eval_count": 2}))
    channel = channel_of(replay(Exchange("ollama", "/api/embed", data, response)))
    delivery = channel.post_to_tape("/api/embed", json.dumps(data).encode(), {}, None)
    assert json.loads(delivery.body.data)["embeddings"] == [[1.0], [2.0]]
    (call,) = channel.calls
    assert ([message["content"] for message in call.messages], call.usage) == (["tea", "cake"], Usage(2, 0))


def test_the_order_of_a_cassette_does_not_depend_on_which_key_was_faster() -> None:
    second = Exchange("openai", OPENAI, {"messages": [{}, {}]}, answer("b"), 0)
    one, other, last = exchange("hi", "a", 0), exchange("yo", "c", 1), exchange("no input", "d")
    again = exchange("yo", "e", 1)
    assert in_stable_order([last, other, second, again, one]) == [one, second, other, again, last]
    assert in_stable_order([one, second, other, again, last]) == [one, second, other, again, last]


REPLIES = [
    Reply("two words"),
    Reply("", (ToolCall("pay", {"a": [1, {"b": 2}]}), ToolCall("look", {}))),
    Reply("both", (ToolCall("pay", {"a": 1}),)),
]


@pytest.mark.parametrize("wire", [wire_openai, wire_ollama, wire_anthropic])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("reply", REPLIES)
def test_the_reply_and_the_tokens_of_a_response_are_read(wire: Wire, stream: bool, reply: Reply) -> None:
    request = ChatRequest("m", (), stream=stream, stream_usage=True)
    body = wire.write_reply(request, reply, Usage(4, 2), Stamp(1, 1.0))
    response = Answered(200, body.content_type, body.data.decode())
    assert read_response(wire, response) == (reply, Usage(4, 2))


@pytest.mark.parametrize("body", ["", "no", "[]", "7", '{"choices": 5}', '{"choices": [{"message": 3}]}', "data: {"])
def test_a_response_in_no_known_form_has_no_reply(body: str) -> None:
    reply, usage = read_response(wire_openai, Answered(200, "application/json", body))
    assert (reply in (None, Reply()), usage) == (True, None)
    assert read_response(wire_openai, answer("x", 500)) == (None, None)
