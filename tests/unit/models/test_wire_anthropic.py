"""The Anthropic format: what is read from a request, and what a response holds."""

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


def test_rules_see_a_request_as_in_the_other_formats() -> None:
    """The system prompt is a message, tool results are a message of a tool; names of tools and streaming are read."""
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
def test_an_unreadable_request_is_told_why(body: dict[str, Any], message: str) -> None:
    """The first thing wrong with a request is named."""
    with pytest.raises(ValueError) as refused:
        read(**body)
    assert message in str(refused.value)


def test_reply() -> None:
    """Text first, then the calls with ids of their own; the reason to stop tells which; usage is there."""
    body = wire_anthropic.write_reply(ChatRequest("m", ()), Reply("ok", (PAY, PAY)), USAGE, STAMP)
    data = json.loads(body.data)
    assert [block["type"] for block in data["content"]] == ["text", "tool_use", "tool_use"]
    assert data["content"][2] == {"type": "tool_use", "id": "toolu_7_1", "name": "pay", "input": {"order": "o-1"}}
    assert (data["stop_reason"], data["usage"]) == ("tool_use", {"input_tokens": 41, "output_tokens": 9})
    plain = json.loads(wire_anthropic.write_reply(ChatRequest("m", ()), Reply(""), USAGE, STAMP).data)
    assert (plain["content"], plain["stop_reason"]) == ([{"type": "text", "text": ""}], "end_turn")


def test_stream() -> None:
    """Blocks are opened empty, filled in pieces and closed; the reason to stop and the usage come last."""
    events = events_of(Reply("two words", (PAY,)))
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(delta.get("text", "") for delta in deltas) == "two words"
    assert json.loads(deltas[-1]["partial_json"]) == {"order": "o-1"}
    opened = [event["content_block"] for event in events if event["type"] == "content_block_start"]
    assert (opened[0]["text"], opened[1]["input"]) == ("", {})
    assert (events[-2]["delta"]["stop_reason"], events[-2]["usage"]) == ("tool_use", {"output_tokens": 9})
    assert events[-1] == {"type": "message_stop"}


def test_errors_are_where_the_client_looks() -> None:
    """Anthropic's client reads ``error.message``."""
    assert json.loads(wire_anthropic.write_error("why").data)["error"]["message"] == "why"
