"""The wire format of Ollama's chats and embeddings.

Streams are JSON lines.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from flink_testbed.models.chat import Body, ChatRequest, Stamp, json_body, pieces_of, read_chat_request
from flink_testbed.models.rule import Reply, ToolCall, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flink_testbed.models.embedding import EmbeddingRequest

NAME = "ollama"
CHAT_PATH = "/api/chat"
EMBED_PATH = "/api/embed"
_VERSION = "0.12.0"
# There is no model whose time could be measured. Not 0, as clients divide by it.
_DURATION_NS = 1_000_000


def read_request(body: bytes) -> ChatRequest:
    """Return the request of POST /api/chat; raise ``ValueError`` if invalid."""
    return read_chat_request(body, streams_by_default=True)


def write_reply(request: ChatRequest, reply: Reply, usage: Usage, stamp: Stamp) -> Body:
    """Return the response, or its lines if the client asked for a stream."""
    head = {"model": request.model, "created_at": _iso(stamp.now_s)}
    tool_calls = [{"function": {"name": call.name, "arguments": dict(call.arguments)}} for call in reply.tool_calls]
    tail: dict[str, Any] = {
        "done_reason": "stop",
        "done": True,
        "total_duration": 3 * _DURATION_NS,
        "load_duration": _DURATION_NS,
        "prompt_eval_count": usage.prompt_tokens,
        "prompt_eval_duration": _DURATION_NS,
        "eval_count": usage.completion_tokens,
        "eval_duration": _DURATION_NS,
    }
    if not request.stream:
        return json_body({**head, "message": _message(reply.text, tool_calls), **tail})
    messages = [_message(piece) for piece in pieces_of(reply.text)]
    if tool_calls:
        messages.append(_message("", tool_calls))
    lines = [{**head, "message": message, "done": False} for message in messages]
    lines.append({**head, "message": _message(""), **tail})
    return Body("application/x-ndjson", "".join(json.dumps(line) + "\n" for line in lines).encode())


def read_reply(documents: Sequence[Mapping[str, Any]]) -> tuple[Reply, Usage | None]:
    """Return the reply in a response or in the lines of a stream, and the usage if it is there."""
    text, usage = "", None
    calls: list[ToolCall] = []
    for document in documents:
        message = document.get("message") or {}
        text += message.get("content") or ""
        functions = [call["function"] for call in message.get("tool_calls") or []]
        calls += [ToolCall(function["name"], function.get("arguments") or {}) for function in functions]
        if document.get("prompt_eval_count") is not None:
            usage = Usage(int(document["prompt_eval_count"]), int(document.get("eval_count") or 0))
    return Reply(text, tuple(calls)), usage


def write_embeddings(request: EmbeddingRequest, vectors: Sequence[Sequence[float]], usage: Usage) -> Body:
    """Return the vectors in the order of the texts."""
    head = {"model": request.model, "total_duration": 2 * _DURATION_NS, "load_duration": _DURATION_NS}
    return json_body({**head, "embeddings": [list(one) for one in vectors], "prompt_eval_count": usage.prompt_tokens})


def write_error(text: str) -> Body:
    """Return an error in Ollama's form."""
    return json_body({"error": text})


def write_get(path: str, models: Sequence[str], *, now_s: float) -> Body | None:
    """Return the response to a GET, None for unknown paths."""
    if path == "/api/version":
        return json_body({"version": _VERSION})
    if path == "/api/tags":
        return json_body({"models": [_tag(model, now_s) for model in models]})
    return None


def _message(text: str, tool_calls: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    return {"role": "assistant", "content": text} | ({"tool_calls": list(tool_calls)} if tool_calls else {})


def _tag(model: str, now_s: float) -> dict[str, Any]:
    details = {"format": "gguf", "family": "scripted", "families": ["scripted"], "parameter_size": "0B"}
    return {
        "name": model,
        "model": model,
        "modified_at": _iso(now_s),
        "size": 0,
        "digest": "0" * 64,
        "details": {"parent_model": "", **details, "quantization_level": "F16"},
    }


def _iso(now_s: float) -> str:
    return datetime.fromtimestamp(now_s, timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
