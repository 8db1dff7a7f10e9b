"""The wire format of Anthropic's messages, with server-sent events for streams; pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flink_testbed.models.chat import (
    Body,
    ChatRequest,
    Stamp,
    json_body,
    pieces_of,
    read_messages,
    read_model,
    read_object,
    text_of,
)
from flink_testbed.models.rule import Reply, ToolCall, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NAME = "anthropic"
CHAT_PATH = "/v1/messages"
_COUNTS = ("input_tokens", "output_tokens")


def read_request(body: bytes) -> ChatRequest:
    """Return the request of POST /v1/messages; raise ``ValueError`` if invalid.

    It is converted to the form of the other formats: the system prompt becomes the first message, and
    a message of tool results gets the role ``tool`` and the results as its text.
    """
    data = read_object(body)
    messages = [_with_tool_role(message) for message in read_messages(data.get("messages"))]
    system = data.get("system")
    if system:
        if not isinstance(system, (str, list)):
            raise ValueError("the request's 'system' is neither a string nor a list of parts")
        messages.insert(0, {"role": "system", "content": system})
    return ChatRequest(
        model=read_model(data),
        messages=tuple(messages),
        tools=_tool_names(data.get("tools") or []),
        stream=bool(data.get("stream")),
    )


def write_reply(request: ChatRequest, reply: Reply, usage: Usage, stamp: Stamp) -> Body:
    """Return the response, or its events if the client asked for a stream."""
    message = {
        "id": f"msg_{stamp.seq}",
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": _blocks(reply, stamp),
        "stop_reason": "tool_use" if reply.tool_calls else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens},
    }
    if not request.stream:
        return json_body(message)
    events = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in _stream(message)]
    return Body("text/event-stream", "".join(events).encode())


def read_reply(documents: Sequence[Mapping[str, Any]]) -> tuple[Reply, Usage | None]:
    """Return the reply in a response or in the events of a stream, and the usage if it is there."""
    text = ""
    calls: dict[int, tuple[str, str]] = {}
    counts: dict[str, int] = {}
    for document in documents:
        message = document.get("message") or document
        counts |= {name: int(count) for name, count in (message.get("usage") or {}).items() if name in _COUNTS}
        blocks = list(enumerate(message.get("content") or []))
        started, delta, index = document.get("content_block"), document.get("delta") or {}, document.get("index", 0)
        for position, block in [*blocks, *([(index, started)] if started else [])]:
            text += block.get("text") or ""
            if block.get("type") == "tool_use":
                calls[position] = (block["name"], json.dumps(block["input"]) if block.get("input") else "")
        text += delta.get("text") or ""
        if index in calls:
            calls[index] = (calls[index][0], calls[index][1] + (delta.get("partial_json") or ""))
    tool_calls = tuple(ToolCall(name, json.loads(arguments or "{}")) for name, arguments in calls.values())
    usage = Usage(counts["input_tokens"], counts.get("output_tokens", 0)) if "input_tokens" in counts else None
    return Reply(text, tool_calls), usage


def write_error(text: str) -> Body:
    """Return an error in Anthropic's form."""
    return json_body({"type": "error", "error": {"type": "scripted_model_error", "message": text}})


def write_get(path: str, models: Sequence[str], *, now_s: float) -> Body | None:
    """Return None: OpenAI's format lists the models at the same path."""
    del path, models, now_s
    return None


def _with_tool_role(message: Mapping[str, Any]) -> Mapping[str, Any]:
    content = message.get("content")
    results = [part for part in content if _is_result(part)] if isinstance(content, list) else []
    if not results:
        return message
    return {**message, "role": "tool", "content": "\n".join(text_of(part) for part in results)}


def _is_result(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "tool_result"


def _tool_names(value: Any) -> tuple[str, ...]:
    try:
        return tuple(str(tool["name"]) for tool in value)
    except (TypeError, KeyError):
        raise ValueError("each of the request's 'tools' must be an object with a name") from None


def _blocks(reply: Reply, stamp: Stamp) -> list[dict[str, Any]]:
    text = [{"type": "text", "text": reply.text}] if reply.text or not reply.tool_calls else []
    calls = [
        {"type": "tool_use", "id": f"toolu_{stamp.seq}_{number}", "name": call.name, "input": dict(call.arguments)}
        for number, call in enumerate(reply.tool_calls)
    ]
    return [*text, *calls]


def _stream(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    start = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 0}}
    yield {"type": "message_start", "message": start}
    for index, block in enumerate(message["content"]):
        empty = {**block, "text": ""} if block["type"] == "text" else {**block, "input": {}}
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in _deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    stop = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": message["usage"]["output_tokens"]}}
    yield {"type": "message_stop"}


def _deltas(block: Mapping[str, Any]) -> list[dict[str, Any]]:
    if block["type"] == "text":
        return [{"type": "text_delta", "text": piece} for piece in pieces_of(block["text"])]
    return [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
