"""The wire format of OpenAI's chat completions and embeddings.

Streams are server-sent events.
"""

from __future__ import annotations

import base64
import json
import struct
from typing import TYPE_CHECKING, Any

from flink_testbed.models.chat import Body, ChatRequest, Stamp, json_body, pieces_of, read_chat_request
from flink_testbed.models.rule import Reply, ToolCall, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flink_testbed.models.embedding import EmbeddingRequest

NAME = "openai"
CHAT_PATH = "/v1/chat/completions"
EMBED_PATH = "/v1/embeddings"


def read_request(body: bytes) -> ChatRequest:
    """Return the request of POST /v1/chat/completions; raise ``ValueError`` if it is invalid."""
    return read_chat_request(body, streams_by_default=False)


def write_reply(request: ChatRequest, reply: Reply, usage: Usage, stamp: Stamp) -> Body:
    """Return the response, or its events if the client asked for a stream."""
    tool_calls = [
        {
            "id": f"call_{stamp.seq}_{number}",
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
        }
        for number, call in enumerate(reply.tool_calls)
    ]
    head = {"id": f"chatcmpl-{stamp.seq}", "created": int(stamp.now_s), "model": request.model}
    tokens = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
    finish_reason = "tool_calls" if tool_calls else "stop"
    if request.stream:
        return _stream(request, reply, head, tool_calls, finish_reason, tokens)
    message: dict[str, Any] = {"role": "assistant", "content": _content(reply), "refusal": None}
    if tool_calls:
        message["tool_calls"] = tool_calls
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}
    return json_body({**head, "object": "chat.completion", "choices": [choice], "usage": tokens})


def read_reply(documents: Sequence[Mapping[str, Any]]) -> tuple[Reply, Usage | None]:
    """Return the reply in a response or in the chunks of a stream, and the usage if it is there."""
    text, usage = "", None
    calls: dict[int, tuple[str, str]] = {}
    for document in documents:
        for choice in (document.get("choices") or [])[:1]:
            part = choice.get("message") or choice.get("delta") or {}
            text += part.get("content") or ""
            for position, call in enumerate(part.get("tool_calls") or []):
                index = call.get("index", position)
                name, arguments = calls.get(index, ("", ""))
                function = call.get("function") or {}
                calls[index] = (name + (function.get("name") or ""), arguments + (function.get("arguments") or ""))
        usage = document.get("usage") or usage
    tool_calls = tuple(ToolCall(name, json.loads(arguments or "{}")) for name, arguments in calls.values())
    counted = usage and Usage(int(usage["prompt_tokens"]), int(usage.get("completion_tokens") or 0))
    return Reply(text, tool_calls), counted


def write_embeddings(request: EmbeddingRequest, vectors: Sequence[Sequence[float]], usage: Usage) -> Body:
    """Return the vectors in the order of the texts, as numbers or packed."""
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if request.packed else list(vector)}
        for index, vector in enumerate(vectors)
    ]
    tokens = {"prompt_tokens": usage.prompt_tokens, "total_tokens": usage.prompt_tokens}
    return json_body({"object": "list", "data": data, "model": request.model, "usage": tokens})


def _packed(vector: Sequence[float]) -> str:
    """Return little-endian 32-bit floats in base64.

    The official client requests this form by default.
    """
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def write_error(text: str) -> Body:
    """Return an error in OpenAI's form."""
    return json_body({"error": {"message": text, "type": "scripted_model_error", "param": None, "code": None}})


def write_get(path: str, models: Sequence[str], *, now_s: float) -> Body | None:
    """Return the response to a GET, None for unknown paths."""
    if path != "/v1/models":
        return None
    data = [{"id": model, "object": "model", "created": int(now_s), "owned_by": "script"} for model in models]
    return json_body({"object": "list", "data": data})


def _content(reply: Reply) -> str | None:
    return None if reply.tool_calls and not reply.text else reply.text


def _stream(
    request: ChatRequest,
    reply: Reply,
    head: dict[str, Any],
    tool_calls: list[dict[str, Any]],
    finish_reason: str,
    tokens: dict[str, int],
) -> Body:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": _content(reply) and ""}]
    deltas.extend({"content": piece} for piece in pieces_of(reply.text))
    deltas.extend({"tool_calls": [{"index": index, **call}]} for index, call in enumerate(tool_calls))
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": finish_reason})
    head = {**head, "object": "chat.completion.chunk"}
    chunks: list[dict[str, Any]] = [{**head, "choices": [choice]} for choice in choices]
    if request.stream_usage:
        chunks.append({**head, "choices": [], "usage": tokens})
    events = [json.dumps(chunk) for chunk in chunks] + ["[DONE]"]
    return Body("text/event-stream", "".join(f"data: {event}\n\n" for event in events).encode())
