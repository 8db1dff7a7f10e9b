"""Long-term memory: upstream's Mem0 over Chroma in this process, with scripted models."""

import uuid

import pytest
from agent_run import failure_of, ollama, outputs_of, run

AGENT = "resource_agents:Remembering"
OPTIONS = {
    "long_term_memory__mem0__chat_model_setup": "thinker",
    "long_term_memory__mem0__embedding_model_setup": "embedder",
    "long_term_memory__mem0__vector_store": "store",
}


@pytest.fixture(scope="module", autouse=True)
def mem0_directory(tmp_path_factory):
    """Point Mem0 to a directory, which it reads at its import."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEM0_DIR", str(tmp_path_factory.mktemp("mem0")))
        yield


def script(*facts):
    """Return the rules for the two questions that Mem0 asks for each fact."""
    rules = []
    for fact in facts:
        extracted = {"json": {"facts": [fact]}}
        added = {"json": {"memory": [{"id": "0", "text": fact, "event": "ADD"}]}}
        usage = {"prompt_tokens": 10, "completion_tokens": 2}
        rules.append({"when": {"contains": f"Input:\nuser: {fact}"}, "reply": extracted, "usage": usage})
        rules.append({"when": {"regex": f"smart memory manager[\\s\\S]*{fact}"}, "reply": added, "usage": usage})
    return rules


def resources(channel):
    store = {
        "name": "store",
        "clazz": "flink_agents.integrations.vector_stores.chroma.chroma_vector_store.ChromaVectorStore",
        "embedding_model": "embedder",
        # Ephemeral stores of one process share their collections.
        "collection": f"memories-{uuid.uuid4().hex}",
    }
    return {
        "chat_model_connections": [ollama(channel)],
        "embedding_model_connections": [{"name": "vectors", "clazz": "ollama", "base_url": channel.ollama_url}],
        "vector_stores": [store],
    }


def test_a_key_finds_only_its_own_memories(models):
    channel = models(*script("Ada likes apples", "Bob likes bananas"))
    inputs = [
        ("ada", {"fact": "Ada likes apples"}),
        ("bob", {"fact": "Bob likes bananas"}),
        ("ada", {"about": "likes"}),
        ("bob", {"about": "likes"}),
        ("eve", {"about": "likes"}),
    ]
    result = run(AGENT, *inputs, resources=resources(channel), **OPTIONS)
    assert result.failure is None, result.failure.traceback_text
    by_key = {key: [output.value for output in result.outputs if output.key == key] for key in ("ada", "bob", "eve")}
    assert by_key == {
        "ada": [{"added": 1, "kept": ["Ada likes apples"]}, ["Ada likes apples"]],
        "bob": [{"added": 1, "kept": ["Bob likes bananas"]}, ["Bob likes bananas"]],
        "eve": [[]],
    }
    assert channel.unmatched == ()
    assert result.metrics["long-term-memory.model.m.promptTokens"] == 40


def test_a_call_keeps_its_key_while_others_use_memory(models):
    slow = script("Ada likes apples")
    slow[0]["fault"] = {"delay": 1}
    channel = models(*slow, *script("Bob likes bananas"))
    inputs = [("ada", {"fact": "Ada likes apples"}), ("bob", {"fact": "Bob likes bananas"}), ("eve", {"about": "x"})]
    outputs = dict(outputs_of(AGENT, *inputs, resources=resources(channel), **OPTIONS))
    assert outputs["ada"]["kept"] == ["Ada likes apples"]
    assert outputs["bob"]["kept"] == ["Bob likes bananas"]
    assert outputs["eve"] == []


@pytest.mark.parametrize("missing", list(OPTIONS))
def test_a_missing_option_is_named_with_all_three(missing, models):
    options = {name: value for name, value in OPTIONS.items() if name != missing}
    failure = failure_of(AGENT, ("k", {"about": "x"}), resources=resources(models()), **options)
    assert (failure.action, failure.key, failure.input) == ("remember", "k", {"about": "x"})
    assert "set all three options" in failure.message
    assert failure.message.endswith("missing: " + missing.replace("__", ".").replace("_", "-"))


def test_an_option_with_an_unknown_resource_fails_with_the_nearest_name(models):
    options = OPTIONS | {"long_term_memory__mem0__vector_store": "stor"}
    failure = failure_of(AGENT, ("k", {"about": "x"}), resources=resources(models()), **options)
    assert failure.message == "the agent has no vector store 'stor'; did you mean 'store'? known: store"
