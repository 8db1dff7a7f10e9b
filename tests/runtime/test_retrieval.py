"""Embedding models and vector stores: Chroma in this process, vectors of the model server."""

import uuid

import pytest
from agent_run import failure_of, outputs_of

AGENT = "resource_agents:Librarian"
TEXTS = ["Apache Flink is a stream processor", "A vector store holds vectors", "An agent calls tools"]


def vectors(channel, wire, **more):
    """Return the connection ``vectors`` and its embedder."""
    connection = {
        "ollama": {"name": "vectors", "clazz": "ollama", "base_url": channel.ollama_url},
        "openai": {"name": "vectors", "clazz": "openai", "base_url": channel.openai_url, "api_key": "none"},
    }[wire]
    setup = {"name": "embedder", "clazz": wire, "connection": "vectors", "model": "e", **more}
    # Ephemeral stores of one process share their collections.
    store = {"name": "library", "clazz": "flink_agents.integrations.vector_stores.chroma.chroma_vector_store."
             "ChromaVectorStore", "embedding_model": "embedder", "collection": f"library-{uuid.uuid4().hex}"}  # fmt: skip
    return {"embedding_model_connections": [connection], "embedding_model_setups": [setup], "vector_stores": [store]}


@pytest.mark.parametrize("asynchronous", [True, False])
@pytest.mark.parametrize("wire", ["ollama", "openai"])
def test_the_nearest_document_is_retrieved(wire, asynchronous, models):
    channel = models()
    inputs = [("k", {"add": TEXTS}), ("k", {"find": "What is Apache Flink?"}), ("k", {"find": "vector stores hold?"})]
    outputs = outputs_of(AGENT, *inputs, resources=vectors(channel, wire), rag__async=asynchronous)
    assert [value for _, value in outputs] == [3, [TEXTS[0]], [TEXTS[1]]]
    assert {call.wire for call in channel.calls} == {wire}
    assert channel.unmatched == ()


def test_a_scripted_vector_decides_which_document_is_nearest(models):
    channel = models(
        {"when": {"contains": "A vector store"}, "reply": {"embedding": [1, 0]}},
        {"when": {"contains": "Apache Flink"}, "reply": {"embedding": [0, 1]}},
        {"when": {"contains": "tools"}, "reply": {"embedding": [0.7, 0.7]}},
        {"when": {"role": "embedding", "contains": "streams"}, "reply": {"embedding": [0.9, 0.1]}},
    )
    outputs = outputs_of(
        AGENT, ("k", {"add": TEXTS}), ("k", {"find": "streams?"}), resources=vectors(channel, "ollama")
    )
    assert outputs[1] == ("k", [TEXTS[1]])


def test_an_unknown_vector_store_fails_with_the_nearest_name(models):
    request = {"find": "x", "store": "librery"}
    failure = failure_of(AGENT, ("k", request), resources=vectors(models(), "ollama"))
    assert (failure.action, failure.key, failure.input) == ("context_retrieval_action", "k", request)
    assert failure.message == "the agent has no vector store 'librery'; did you mean 'library'? known: library"


@pytest.mark.parametrize("asynchronous", [True, False])
def test_an_error_of_the_embedding_server_is_in_the_failure(asynchronous, models):
    channel = models({"when": {"role": "embedding", "contains": "Flink?"}, "fault": {"status": 500}})
    inputs = [("k", {"add": TEXTS}), ("k", {"find": "What is Flink?"})]
    failure = failure_of(AGENT, *inputs, resources=vectors(channel, "ollama"), rag__async=asynchronous)
    assert (failure.action, failure.key, failure.input) == ("context_retrieval_action", "k", inputs[1][1])
    assert "scripts this failure (status 500)" in failure.message
    assert "the vector store was queried in the collection 'library-" in failure.message
