"""Embedding requests, and computed vectors for texts without a matching rule; pure.

A vector counts words, so that texts with common words are near each other, and a text has the same
vector in every process and on every machine. Retrieval gives plausible results without a model.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from flink_testbed.models.chat import EMBEDDING_ROLE, ChatRequest, read_model, read_object

# Large enough that two words of a small collection rarely share a dimension.
DIMENSIONS = 256
_MAX_DIMENSIONS = 8192


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """Texts that a client wants embedded.

    ``dimensions`` is the length of computed vectors; ``packed`` asks for base64 instead of numbers.
    """

    model: str
    texts: tuple[str, ...]
    dimensions: int = DIMENSIONS
    packed: bool = False

    def as_chat(self, text: str) -> ChatRequest:
        """Return the chat request by which rules match one of the texts."""
        return as_messages(self.model, (text,))


def as_messages(model: str, texts: Sequence[str]) -> ChatRequest:
    """Return texts to embed as the messages by which they are recorded."""
    return ChatRequest(model, tuple({"role": EMBEDDING_ROLE, "content": text} for text in texts))


def read_embeddings(body: bytes) -> EmbeddingRequest:
    """Return the request in a JSON body.

    Raises ``ValueError`` that names the first error.
    """
    data = read_object(body)
    given = data.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"the request needs an 'input', a string or a list of strings, it has {given!r:.60}")
    dimensions = data.get("dimensions") or DIMENSIONS
    if not isinstance(dimensions, int) or isinstance(dimensions, bool) or not 1 <= dimensions <= _MAX_DIMENSIONS:
        raise ValueError(f"the 'dimensions' of an embedding must be 1 to {_MAX_DIMENSIONS}, not {dimensions!r:.60}")
    return EmbeddingRequest(read_model(data), tuple(texts), dimensions, data.get("encoding_format") == "base64")


def vector_of(text: str, dimensions: int = DIMENSIONS) -> tuple[float, ...]:
    """Return the unit vector of a text's word counts, ignoring case."""
    counts = [0.0] * dimensions
    for word in re.findall(r"\w+", text.casefold()) or [""]:
        digest = hashlib.sha256(word.encode()).digest()
        counts[int.from_bytes(digest[:8], "big") % dimensions] += 1.0
    length = math.sqrt(sum(count * count for count in counts))
    return tuple(count / length for count in counts)
