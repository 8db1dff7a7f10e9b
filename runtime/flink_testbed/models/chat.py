"""Chat requests and response bodies, common to all wire formats."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SYSTEM_ROLES = ("system", "developer")
# To a rule, a text to embed is a single message with this role.
EMBEDDING_ROLE = "embedding"


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request of a client to a model.

    ``messages`` are those that the client sent, each with a ``role`` of type str; ``tools`` are the
    names of the offered tools; ``stream_usage`` asks for token counts at the end of a stream.
    """

    model: str
    messages: tuple[Mapping[str, Any], ...]
    tools: tuple[str, ...] = ()
    stream: bool = False
    stream_usage: bool = False

    @property
    def last_text(self) -> str:
        """The text of the last message, empty if there is none."""
        return text_of(self.messages[-1]) if self.messages else ""

    @property
    def last_role(self) -> str:
        """The role of the last message, empty if there is none."""
        return str(self.messages[-1]["role"]) if self.messages else ""

    @property
    def system_texts(self) -> tuple[str, ...]:
        """The texts of all system messages, in order."""
        return tuple(text_of(message) for message in self.messages if message["role"] in SYSTEM_ROLES)


@dataclass(frozen=True, slots=True)
class Body:
    """The body of an HTTP response."""

    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Stamp:
    """The identity of one response.

    ``seq`` counts from 1 in a channel, ``now_s`` is seconds since 1970.
    """

    seq: int
    now_s: float


def text_of(message: Mapping[str, Any]) -> str:
    """Return the text of a message.

    The content may be a str, a list of parts, whose texts become one line each, or absent.
    """
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict) and "text" in part)
    return content if isinstance(content, str) else ""


def json_body(value: Any) -> Body:
    """Return the value as a JSON document."""
    return Body("application/json", json.dumps(value).encode())


def pieces_of(text: str) -> list[str]:
    """Split a text into words, each with the whitespace after it."""
    return re.findall(r"\S+\s*|\s+", text)


def read_chat_request(body: bytes, *, streams_by_default: bool) -> ChatRequest:
    """Return the request in a JSON body.

    Raises ``ValueError`` that names the first error.
    """
    data = read_object(body)
    options = data.get("stream_options") or {}
    return ChatRequest(
        model=read_model(data),
        messages=read_messages(data.get("messages")),
        tools=_tool_names(data.get("tools") or []),
        stream=bool(data.get("stream", streams_by_default)),
        stream_usage=isinstance(options, dict) and bool(options.get("include_usage")),
    )


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a body; raise ``ValueError`` if it is none."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the request body is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise ValueError(f"the request body is a JSON {type(data).__name__}, not an object")
    return data


def read_model(data: Mapping[str, Any]) -> str:
    """Return the name of the model; raise ``ValueError`` if there is none."""
    model = data.get("model")
    if not isinstance(model, str) or not model:
        raise ValueError(f"the request needs a 'model' name, it has {model!r}")
    return model


def read_messages(value: Any) -> tuple[Mapping[str, Any], ...]:
    """Return the messages; raise ``ValueError`` unless each is an object with a role."""
    if not isinstance(value, list):
        raise ValueError(f"the request needs a list 'messages', it has {value!r:.60}")
    for number, message in enumerate(value, 1):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise ValueError(f"message {number} of the request is not an object with a 'role': {message!r:.60}")
        if not isinstance(message.get("content"), (str, list, type(None))):
            raise ValueError(
                f"message {number} of the request has a content that is neither a string nor a list of parts"
            )
    return tuple(value)


def _tool_names(value: Any) -> tuple[str, ...]:
    try:
        return tuple(str(tool["function"]["name"]) for tool in value)
    except (TypeError, KeyError):
        raise ValueError("each of the request's 'tools' must be an object with function.name") from None
