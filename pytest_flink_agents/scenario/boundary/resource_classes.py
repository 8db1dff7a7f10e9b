"""The resource classes of flink-agents, with the arguments that they read.

The facts are those of flink-agents 0.3.1: the aliases of ``flink_agents.api.yaml.aliases``, and the
parameters and fields of the classes in ``flink_agents.integrations``. Unknown arguments are ignored
there without an error.
Must never import: anything but the standard library.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class ResourceClass(NamedTuple):
    """A class with its import path and the arguments that it reads."""

    path: str
    arguments: tuple[str, ...]


_CHAT = "flink_agents.integrations.chat_models."
_EMBEDDING = "flink_agents.integrations.embedding_models."
_OF_CHAT_SETUPS = (
    "connection model temperature prompt tools skills skill_discovery_prompt allowed_commands allowed_script_dirs "
)


def _class(path: str, arguments: str) -> ResourceClass:
    return ResourceClass(path, tuple(sorted(arguments.split())))


# Section -> alias -> class. The address of an Anthropic connection is read by this project's
# subclass of it.
PYTHON_CLASSES: Mapping[str, Mapping[str, ResourceClass]] = MappingProxyType(
    {
        "chat_model_connections": {
            "ollama": _class(f"{_CHAT}ollama_chat_model.OllamaChatModelConnection", "base_url request_timeout"),
            "openai": _class(
                f"{_CHAT}openai.openai_chat_model.OpenAIChatModelConnection",
                "api_key api_base_url max_retries timeout reuse_client default_headers",
            ),
            "anthropic": _class(
                f"{_CHAT}anthropic.anthropic_chat_model.AnthropicChatModelConnection",
                "api_key base_url max_retries timeout",
            ),
            "tongyi": _class(f"{_CHAT}tongyi_chat_model.TongyiChatModelConnection", "api_key request_timeout"),
            "azure_openai": _class(
                f"{_CHAT}azure.azure_openai_chat_model.AzureOpenAIChatModelConnection",
                "api_key api_version azure_endpoint timeout max_retries",
            ),
        },
        "chat_model_setups": {
            "ollama": _class(
                f"{_CHAT}ollama_chat_model.OllamaChatModelSetup",
                _OF_CHAT_SETUPS + "num_ctx request_timeout additional_kwargs keep_alive think extract_reasoning",
            ),
            "openai": _class(
                f"{_CHAT}openai.openai_chat_model.OpenAIChatModelSetup",
                _OF_CHAT_SETUPS + "max_tokens additional_kwargs strict reasoning_effort logprobs top_logprobs",
            ),
            "anthropic": _class(
                f"{_CHAT}anthropic.anthropic_chat_model.AnthropicChatModelSetup", _OF_CHAT_SETUPS + "max_tokens"
            ),
            "tongyi": _class(
                f"{_CHAT}tongyi_chat_model.TongyiChatModelSetup",
                _OF_CHAT_SETUPS + "additional_kwargs extract_reasoning",
            ),
            "azure_openai": _class(
                f"{_CHAT}azure.azure_openai_chat_model.AzureOpenAIChatModelSetup",
                _OF_CHAT_SETUPS + "model_of_azure_deployment max_tokens logprobs additional_kwargs",
            ),
        },
        "embedding_model_connections": {
            "ollama": _class(
                f"{_EMBEDDING}local.ollama_embedding_model.OllamaEmbeddingModelConnection", "base_url request_timeout"
            ),
            "openai": _class(
                f"{_EMBEDDING}openai_embedding_model.OpenAIEmbeddingModelConnection",
                "api_key base_url request_timeout max_retries organization project",
            ),
            "tongyi": _class(
                f"{_EMBEDDING}tongyi_embedding_model.TongyiEmbeddingModelConnection", "api_key request_timeout"
            ),
        },
        "embedding_model_setups": {
            "ollama": _class(
                f"{_EMBEDDING}local.ollama_embedding_model.OllamaEmbeddingModelSetup",
                "connection model truncate additional_kwargs keep_alive",
            ),
            "openai": _class(
                f"{_EMBEDDING}openai_embedding_model.OpenAIEmbeddingModelSetup",
                "connection model encoding_format dimensions user additional_kwargs",
            ),
            "tongyi": _class(
                f"{_EMBEDDING}tongyi_embedding_model.TongyiEmbeddingModelSetup",
                "connection model text_type dimension additional_kwargs",
            ),
        },
        "vector_stores": {
            "chroma": _class(
                "flink_agents.integrations.vector_stores.chroma.chroma_vector_store.ChromaVectorStore",
                "embedding_model persist_directory host port api_key client_settings tenant database collection "
                "collection_metadata auto_create_collection",
            ),
        },
        # No alias: MCP servers are written with the class's path.
        "mcp_servers": {
            "": _class("flink_agents.integrations.mcp.mcp.MCPServer", "endpoint headers timeout sse_read_timeout auth"),
        },
    }
)

# Section -> aliases of the classes that are written in Java, whose arguments Python does not read.
JAVA_ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "chat_model_connections": (
            "ollama",
            "openai_completions",
            "openai_responses",
            "anthropic",
            "azure",
            "bedrock",
        ),
        "chat_model_setups": ("ollama", "openai_completions", "openai_responses", "anthropic", "azure", "bedrock"),
        "embedding_model_connections": ("ollama", "bedrock"),
        "embedding_model_setups": ("ollama", "bedrock"),
        "vector_stores": ("elasticsearch",),
        "mcp_servers": (),
    }
)

# Section -> keys of the resources that are no classes.
PLAIN_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "prompts": ("name", "text", "messages"),
        "tools": ("name", "function", "type", "parameter_types"),
        "skills": ("name", "paths", "urls", "classpath", "package"),
    }
)


def classes_by_path(section: str) -> Mapping[str, ResourceClass]:
    """Return the classes of a section by their import path."""
    return {known.path: known for known in PYTHON_CLASSES[section].values()}
