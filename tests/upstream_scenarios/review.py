"""The review agent of flink-agents' quickstart, for 0.1: a model with a tool."""

import json
from collections.abc import Sequence
from typing import Any

import requests
from flink_agents.api.agent import Agent
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.decorators import action, chat_model_connection, chat_model_setup, tool
from flink_agents.api.events.chat_event import ChatRequestEvent, ChatResponseEvent
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.resource import ResourceDescriptor
from flink_agents.api.runner_context import RunnerContext
from flink_agents.integrations.chat_models.ollama_chat_model import OllamaChatModelConnection, OllamaChatModelSetup


class AddressedConnection(OllamaChatModelConnection):
    """An Ollama connection whose address is in the first message.

    A connection of 0.1 has no access to the options of the agent.
    """

    def chat(self, messages: Sequence[ChatMessage], tools: Any = None, **kwargs: Any) -> ChatMessage:
        """Ask the model at that address."""
        address = next(message.extra_args["address"] for message in messages if "address" in message.extra_args)
        return OllamaChatModelConnection(base_url=address).chat(messages, tools, **kwargs)


class TypedReviewAgent(Agent):
    """Analyses each review and notifies the shipping manager of damage."""

    @chat_model_connection
    @staticmethod
    def server() -> ResourceDescriptor:
        """Return the connection to the model server."""
        return ResourceDescriptor(clazz=AddressedConnection)

    @chat_model_setup
    @staticmethod
    def model() -> ResourceDescriptor:
        """Return the model with its tool."""
        return ResourceDescriptor(
            clazz=OllamaChatModelSetup, connection="server", model="qwen3:8b", tools=["notify_shipping_manager"]
        )

    @tool
    @staticmethod
    def notify_shipping_manager(product: str, review: str) -> str:
        """Notify the shipping manager of damage.

        Parameters
        ----------
        product : str
            The product's id.
        review : str
            The text of the review.
        """
        return f"told of {product}: {review}"

    @action(InputEvent)
    @staticmethod
    def ask(event: Event, ctx: RunnerContext) -> None:
        """Send the review to the model."""
        address = {"address": ctx.config.get_str("model.address")}
        review = ChatMessage(role=MessageRole.USER, content=event.input["review"], extra_args=address)
        ctx.send_event(ChatRequestEvent(model="model", messages=[review]))

    @action(ChatResponseEvent)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        """Archive the analysis, and output it."""
        analysis = json.loads(event.response.content)
        requests.post(ctx.config.get_str("archive.address") + "/analyses", json=analysis, timeout=10).raise_for_status()
        ctx.send_event(OutputEvent(output=analysis))
