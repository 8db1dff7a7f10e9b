"""Embeddings: the request, and the vector of a text that no rule scripts. Pure; no socket, no clock.

The vector counts words: texts that share words are near, the same text has the same vector in every process and on
every machine. So retrieval finds what a reader would expect, without a model.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass

from flink_testbed.models.chat import EMBEDDING_ROLE, ChatRequest, read_model, read_object

# Enough that two words of a small collection seldom fall together.
DIMENSIONS = 256
_MOST_DIMENSIONS = 8192


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """What a client wants embedded.

    ``dimensions`` is the length of vectors that are not scripted; ``packed`` asks for base64 instead of numbers.
    """

    model: str
    texts: tuple[str, ...]
    dimensions: int = DIMENSIONS
    packed: bool = False

    def as_chat(self, text: str) -> ChatRequest:
        """Show one of the texts as rules see it."""
        return ChatRequest(self.model, ({"role": EMBEDDING_ROLE, "content": text},))


def read_embeddings(body: bytes) -> EmbeddingRequest:
    """Read the request in a JSON body; raises ValueError that names the first thing wrong with it."""
    data = read_object(body)
    given = data.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"the request needs an 'input', a text or a list of texts, it has {given!r:.60}")
    dimensions = data.get("dimensions") or DIMENSIONS
    if not isinstance(dimensions, int) or isinstance(dimensions, bool) or not 1 <= dimensions <= _MOST_DIMENSIONS:
        raise ValueError(f"the 'dimensions' of an embedding are 1 to {_MOST_DIMENSIONS}, not {dimensions!r:.60}")
    return EmbeddingRequest(read_model(data), tuple(texts), dimensions, data.get("encoding_format") == "base64")


def vector_of(text: str, dimensions: int = DIMENSIONS) -> tuple[float, ...]:
    """Give the vector of a text, of length 1: one count for each word, whatever its case."""
    counts = [0.0] * dimensions
    for word in re.findall(r"\w+", text.casefold()) or [""]:
        digest = hashlib.sha256(word.encode()).digest()
        counts[int.from_bytes(digest[:8], "big") % dimensions] += 1.0
    length = math.sqrt(sum(count * count for count in counts))
    return tuple(count / length for count in counts)
