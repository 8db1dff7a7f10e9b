"""A wire format that a plugin adds: plain data in and out, at a path of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from flink_testbed.models.chat import Body, ChatRequest, Stamp, json_body, read_messages, read_object
from flink_testbed.models.rule import Reply, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class ModelFormat(Protocol):
    """The interface of an added format.

    ``path`` is that of its requests below the format's address, like ``/generate``.
    """

    path: str

    def read(self, data: dict[str, Any]) -> Mapping[str, Any]:
        """Return ``messages`` (each with ``role`` and ``content``) of a request, and ``model`` and ``tools`` if known."""

    def write(self, reply: dict[str, Any]) -> Any:
        """Return the response to a reply with ``model``, ``text``, ``tool_calls`` and ``usage``, as JSON."""


ModelFormats: TypeAlias = "Mapping[str, ModelFormat]"


class FormatError(Exception):
    """An added format could not write a reply."""


@dataclass(frozen=True, slots=True)
class AddedWire:
    """An added format as the channel uses it; its requests come below ``/<name>``."""

    name: str
    format: ModelFormat

    @property
    def NAME(self) -> str:
        """The name in the record of calls."""
        return self.name

    @property
    def CHAT_PATH(self) -> str:
        """The path of requests."""
        return f"/{self.name}{self.format.path}"

    def read_request(self, body: bytes) -> ChatRequest:
        """Return the request that the format reads; raise ``ValueError`` if it cannot."""
        data = read_object(body)
        try:
            fields = self.format.read(data)
            messages, tools = fields["messages"], fields.get("tools") or ()
            return ChatRequest(str(fields.get("model") or self.name), read_messages(messages), tuple(map(str, tools)))
        except Exception as error:
            raise ValueError(
                f"the format {self.name} cannot read the request: {type(error).__name__}: {error}"
            ) from error

    def write_reply(self, request: ChatRequest, reply: Reply, usage: Usage, stamp: Stamp) -> Body:
        """Return the response that the format writes; raise :class:`FormatError` if it cannot."""
        del stamp
        data = {
            "model": request.model,
            "text": reply.text or "",
            "tool_calls": [{"name": call.name, "arguments": dict(call.arguments)} for call in reply.tool_calls],
            "usage": {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens},
        }
        try:
            return json_body(self.format.write(data))
        except Exception as error:
            raise FormatError(
                f"the format {self.name} cannot write the reply: {type(error).__name__}: {error}"
            ) from error

    def read_reply(self, documents: Sequence[Mapping[str, Any]]) -> tuple[Reply, Usage | None]:
        """Return the reply as it came: an added format writes replies, and reads none."""
        return Reply(json.dumps(list(documents))), None

    def write_error(self, text: str) -> Body:
        """Return an error."""
        return json_body({"error": text})

    def write_get(self, path: str, models: Sequence[str], *, now_s: float) -> Body | None:
        """Return None: an added format has no GET."""
        del path, models, now_s
        return None
