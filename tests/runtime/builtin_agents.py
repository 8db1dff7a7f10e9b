"""An agent of upstream's built-in actions alone: a model, a tool and a vector store that do what a test told them.

A test fills SCRIPT with what the model says, in order: a text, an exception to raise, ``CALL_TOOL``, or a function to be
called; the last stays. What was called is in CALLS, with the thread that called it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from flink_agents.api.agents.agent import Agent
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.chat_models.chat_model import BaseChatModelConnection, BaseChatModelSetup
from flink_agents.api.decorators import action, chat_model_connection, chat_model_setup, tool, vector_store
from flink_agents.api.events.chat_event import ChatRequestEvent, ChatResponseEvent
from flink_agents.api.events.context_retrieval_event import ContextRetrievalRequestEvent, ContextRetrievalResponseEvent
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.resource import ResourceDescriptor
from flink_agents.api.runner_context import RunnerContext
from flink_agents.api.vector_stores.vector_store import (
    BaseVectorStore,
    Document,
    VectorStoreQuery,
    VectorStoreQueryResult,
)

SCRIPT: list[Any] = []
CALLS: list[tuple[str, str]] = []
TOOL: list[Callable[[], None]] = []
CALL_TOOL = object()


def called(what: str) -> None:
    """Note a call and its thread."""
    CALLS.append((what, threading.current_thread().name))


class ScriptedModel(BaseChatModelConnection):
    """Says what the script says."""

    def chat(self, messages: Any, tools: Any = None, **kwargs: Any) -> ChatMessage:
        called("chat")
        said = SCRIPT.pop(0) if len(SCRIPT) > 1 else SCRIPT[0]
        if callable(said):
            said = said()
        if isinstance(said, Exception):
            raise said
        usage = {"model_name": "parrot", "promptTokens": 5, "completionTokens": 2}
        if said is CALL_TOOL:
            function = {"name": "ask", "arguments": {"what": "time"}}
            call = {"id": f"c-{len(CALLS)}", "type": "function", "function": function}
            return ChatMessage(role=MessageRole.ASSISTANT, tool_calls=[call], extra_args=usage)
        return ChatMessage(role=MessageRole.ASSISTANT, content=said, extra_args=usage)


class ScriptedSetup(BaseChatModelSetup):
    """Settings of it."""

    @property
    def model_kwargs(self) -> dict[str, Any]:
        return {}


class Shelf(BaseVectorStore):
    """Finds one document, whatever the query."""

    @property
    def store_kwargs(self) -> dict[str, Any]:
        return {}

    def query(self, query: VectorStoreQuery) -> VectorStoreQueryResult:
        called("query")
        return VectorStoreQueryResult(documents=[Document(content=query.query_text, metadata={})])

    def get(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    delete = _query_embedding = _add_embedding = _update_embedding = get


class Assistant(Agent):
    """Asks the model, or with ``{"look up": text}`` the vector store."""

    @chat_model_connection
    @staticmethod
    def server() -> ResourceDescriptor:
        return ResourceDescriptor(clazz="builtin_agents.ScriptedModel")

    @chat_model_setup
    @staticmethod
    def model() -> ResourceDescriptor:
        return ResourceDescriptor(
            clazz="builtin_agents.ScriptedSetup", connection="server", model="parrot", tools=["ask"]
        )

    @vector_store
    @staticmethod
    def shelf() -> ResourceDescriptor:
        return ResourceDescriptor(clazz="builtin_agents.Shelf")

    @tool
    @staticmethod
    def ask(what: str) -> str:
        """Ask for something.

        Parameters
        ----------
        what : str
            What to ask for.
        """
        called("tool")
        for behaviour in TOOL:
            behaviour()
        return f"no {what}"

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def begin(event: Event, ctx: RunnerContext) -> None:
        value = InputEvent.from_event(event).input
        if isinstance(value, dict):
            ctx.send_event(ContextRetrievalRequestEvent(query=value["look up"], vector_store="shelf"))
            return
        messages = [ChatMessage(role=MessageRole.USER, content=value)]
        ctx.send_event(ChatRequestEvent(model="model", messages=messages))

    @action(ChatResponseEvent.EVENT_TYPE)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        answer = ChatResponseEvent.from_event(event)
        ctx.send_event(OutputEvent(output=[answer.response.content, answer.retry_count, answer.total_retry_wait_sec]))

    @action(ContextRetrievalResponseEvent.EVENT_TYPE)
    @staticmethod
    def found(event: Event, ctx: RunnerContext) -> None:
        documents = ContextRetrievalResponseEvent.from_event(event).documents
        ctx.send_event(OutputEvent(output=[document.content for document in documents]))
