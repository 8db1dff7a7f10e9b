"""Requests and responses of Anthropic's wire format."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flink_testbed.models import wire_anthropic
from flink_testbed.models.chat import ChatRequest, Stamp
from flink_testbed.models.rule import Reply, ToolCall, Usage

STAMP = Stamp(seq=7, now_s=1_000_000_000.25)
USAGE = Usage(41, 9)
PAY = ToolCall("pay", {"order": "o-1"})


def read(**body: Any) -> ChatRequest:
    return wire_anthropic.read_request(json.dumps({"model": "m", "max_tokens": 9, **body}).encode())


def events_of(reply: Reply) -> list[dict[str, Any]]:
    body = wire_anthropic.write_reply(ChatRequest("m", (), stream=True), reply, USAGE, STAMP)
    *events, rest = body.data.decode().split("\n\n")
    assert rest == ""
    lines = [event.split("\n") for event in events]
    data = [json.loads(line.removeprefix("data: ")) for _, line in lines]
    assert [name.removeprefix("event: ") for name, _ in lines] == [event["type"] for event in data]
    return data


def test_a_request_gets_the_form_of_the_other_formats() -> None:
    """The system prompt is a message, tool results are a message of a tool."""
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "12"}]}
    request = read(
        system=[{"type": "text", "text": "be kind"}],
        messages=[
            {"role": "user", "content": "hi"},
            {"role": "user", "content": [result, {**result, "content": "13"}]},
        ],
        tools=[{"name": "pay", "input_schema": {}}],
        stream=True,
    )
    assert (request.model, request.tools, request.stream) == ("m", ("pay",), True)
    assert (request.system_texts, request.last_role, request.last_text) == (("be kind",), "tool", "12\n13")
    assert request.messages[1] == {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"messages": []} | {"model": None}, "needs a 'model' name"),
        ({}, "needs a list 'messages'"),
        ({"messages": [], "system": 1}, "'system' is neither a string nor a list"),
        ({"messages": [], "tools": [{"function": {}}]}, "'tools' must be an object with a name"),
    ],
)
def test_an_invalid_request_is_refused_with_the_reason(body: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as refused:
        read(**body)
    assert message in str(refused.value)


def test_a_reply_has_text_calls_stop_reason_and_usage() -> None:
    body = wire_anthropic.write_reply(ChatRequest("m", ()), Reply("ok", (PAY, PAY)), USAGE, STAMP)
    data = json.loads(body.data)
    assert [block["type"] for block in data["content"]] == ["text", "tool_use", "tool_use"]
    assert data["content"][2] == {"type": "tool_use", "id": "toolu_7_1", "name": "pay", "input": {"order": "o-1"}}
    assert (data["stop_reason"], data["usage"]) == ("tool_use", {"input_tokens": 41, "output_tokens": 9})
    plain = json.loads(wire_anthropic.write_reply(ChatRequest("m", ()), Reply(""), USAGE, STAMP).data)
    assert (plain["content"], plain["stop_reason"]) == ([{"type": "text", "text": ""}], "end_turn")


def test_a_stream_opens_fills_and_closes_each_block() -> None:
    events = events_of(Reply("two words", (PAY,)))
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(delta.get("text", "") for delta in deltas) == "two words"
    assert json.loads(deltas[-1]["partial_json"]) == {"order": "o-1"}
    opened = [event["content_block"] for event in events if event["type"] == "content_block_start"]
    assert (opened[0]["text"], opened[1]["input"]) == ("", {})
    assert (events[-2]["delta"]["stop_reason"], events[-2]["usage"]) == ("tool_use", {"output_tokens": 9})
    assert events[-1] == {"type": "message_stop"}


def test_an_error_is_in_the_field_that_the_client_reads() -> None:
    assert json.loads(wire_anthropic.write_error("why").data)["error"]["message"] == "why"
