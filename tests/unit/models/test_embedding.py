"""Embedding requests, computed vectors and their wire formats."""

from __future__ import annotations

import base64
import json
import math
import struct

import pytest

from flink_testbed.models import wire_ollama, wire_openai
from flink_testbed.models.embedding import DIMENSIONS, EmbeddingRequest, read_embeddings, vector_of
from flink_testbed.models.rule import Usage

USAGE = Usage(5, 0)


def likeness(one: str, other: str) -> float:
    return sum(a * b for a, b in zip(vector_of(one), vector_of(other), strict=True))


def test_texts_with_common_words_are_near() -> None:
    assert likeness("What is Flink?", "flink, what IS") == pytest.approx(1)
    question, stream = "What is Apache Flink?", "Apache Flink is a stream processor"
    assert likeness(question, stream) > likeness(question, "A vector store holds vectors")


def test_a_vector_does_not_depend_on_the_process() -> None:
    assert vector_of("flink").index(1.0) == 170
    assert (len(vector_of("")), len(vector_of("a", 3))) == (DIMENSIONS, 3)
    assert math.dist(vector_of(""), [0.0] * DIMENSIONS) == pytest.approx(1), "no model gives a vector of no length"


def test_a_request_has_texts_dimensions_and_encoding() -> None:
    assert read_embeddings(b'{"model": "e", "input": "a"}') == EmbeddingRequest("e", ("a",))
    body = {"model": "e", "input": ["a", "b"], "dimensions": 8, "encoding_format": "base64"}
    assert read_embeddings(json.dumps(body).encode()) == EmbeddingRequest("e", ("a", "b"), 8, packed=True)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "not JSON"),
        (b'{"input": "a"}', "needs a 'model' name"),
        (b'{"model": "e"}', "needs an 'input', a string or a list of strings, it has None"),
        (b'{"model": "e", "input": []}', "needs an 'input'"),
        (b'{"model": "e", "input": [[1, 2]]}', "it has [[1, 2]]"),
        (b'{"model": "e", "input": "a", "dimensions": -1}', "'dimensions' of an embedding must be 1 to 8192, not -1"),
    ],
)
def test_an_invalid_request_is_refused_with_the_reason(body: bytes, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        read_embeddings(body)
    assert message in str(refused.value)


def test_each_format_writes_its_own_response() -> None:
    vectors = [(1.0, 0.0), (0.5, -0.5)]
    request = EmbeddingRequest("e", ("a", "b"))
    ollama = json.loads(wire_ollama.write_embeddings(request, vectors, USAGE).data)
    assert (ollama["embeddings"], ollama["prompt_eval_count"]) == ([[1.0, 0.0], [0.5, -0.5]], 5)
    openai = json.loads(wire_openai.write_embeddings(request, vectors, USAGE).data)
    assert [(one["index"], one["embedding"]) for one in openai["data"]] == [(0, [1.0, 0.0]), (1, [0.5, -0.5])]
    assert openai["usage"] == {"prompt_tokens": 5, "total_tokens": 5}
    packed = EmbeddingRequest("e", ("a", "b"), packed=True)
    text = json.loads(wire_openai.write_embeddings(packed, vectors, USAGE).data)["data"][1]["embedding"]
    assert struct.unpack("<2f", base64.b64decode(text)) == (0.5, -0.5)
