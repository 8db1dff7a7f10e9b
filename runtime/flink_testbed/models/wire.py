"""The wire formats of the scripted model, and the paths that they use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from flink_testbed.models import wire_anthropic, wire_ollama, wire_openai

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flink_testbed.models.chat import Body, ChatRequest, Stamp
    from flink_testbed.models.embedding import EmbeddingRequest
    from flink_testbed.models.rule import Reply, Usage


class Wire(Protocol):
    """The interface of a module ``wire_*`` for chats, and of an added format."""

    @property
    def NAME(self) -> str:
        """The name in the record of calls."""

    @property
    def CHAT_PATH(self) -> str:
        """The path of requests."""

    def read_request(self, body: bytes) -> ChatRequest:
        """Return the request in a body; raise ``ValueError`` if it is invalid."""

    def write_reply(self, request: ChatRequest, reply: Reply, usage: Usage, stamp: Stamp) -> Body:
        """Return the response to a request."""

    def read_reply(self, documents: Sequence[Mapping[str, Any]]) -> tuple[Reply, Usage | None]:
        """Return the reply in a response, which is one document or those of a stream; no usage if it has none."""

    def write_error(self, text: str) -> Body:
        """Return an error response."""

    def write_get(self, path: str, models: Sequence[str], *, now_s: float) -> Body | None:
        """Return the response to a GET, None if the path is unknown."""


class EmbeddingWire(Wire, Protocol):
    """The interface of a module ``wire_*`` that also has embeddings."""

    EMBED_PATH: str

    def write_embeddings(self, request: EmbeddingRequest, vectors: Sequence[Sequence[float]], usage: Usage) -> Body:
        """Return the response to a request with one vector per text."""


EMBEDDING_WIRES: tuple[EmbeddingWire, ...] = (wire_ollama, wire_openai)
WIRES: tuple[Wire, ...] = (*EMBEDDING_WIRES, wire_anthropic)


def wire_of(path: str) -> Wire:
    """Return the wire format that uses a path."""
    if path.startswith(wire_anthropic.CHAT_PATH):
        return wire_anthropic
    return wire_openai if path.startswith("/v1") else wire_ollama


def unknown_path(method: str, path: str, wires: Iterable[Wire]) -> str:
    """Return the sentence about a request to a path that none of the formats has."""
    paths = [wire.CHAT_PATH for wire in wires] + [wire.EMBED_PATH for wire in EMBEDDING_WIRES]
    posts = ", ".join(f"POST {known}" for known in paths)
    return f"unknown path: {method} {path}; known are {posts}, GET /api/tags, GET /api/version and GET /v1/models"
