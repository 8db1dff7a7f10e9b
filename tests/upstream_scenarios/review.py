"""A review agent as flink-agents' quickstart has one, for 0.1: a model with a tool, asked through the built-in action."""

import json
from collections.abc import Sequence
from typing import Any

from flink_agents.api.agent import Agent
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.decorators import action, chat_model_connection, chat_model_setup, tool
from flink_agents.api.events.chat_event import ChatRequestEvent, ChatResponseEvent
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.resource import ResourceDescriptor
from flink_agents.api.runner_context import RunnerContext
from flink_agents.integrations.chat_models.ollama_chat_model import OllamaChatModelConnection, OllamaChatModelSetup


class AddressedConnection(OllamaChatModelConnection):
    """Ollama, at the address that the first message carries: in 0.1 a connection does not see the agent's options."""

    def chat(self, messages: Sequence[ChatMessage], tools: Any = None, **kwargs: Any) -> ChatMessage:
        """Ask the model there."""
        address = next(message.extra_args["address"] for message in messages if "address" in message.extra_args)
        return OllamaChatModelConnection(base_url=address).chat(messages, tools, **kwargs)


class TypedReviewAgent(Agent):
    """Has each review analysed, and tells the shipping manager of damage."""

    @chat_model_connection
    @staticmethod
    def server() -> ResourceDescriptor:
        """The model server."""
        return ResourceDescriptor(clazz=AddressedConnection)

    @chat_model_setup
    @staticmethod
    def model() -> ResourceDescriptor:
        """The model and its tool."""
        return ResourceDescriptor(
            clazz=OllamaChatModelSetup, connection="server", model="qwen3:8b", tools=["notify_shipping_manager"]
        )

    @tool
    @staticmethod
    def notify_shipping_manager(product: str, review: str) -> str:
        """Tell the shipping manager of damage.

        Parameters
        ----------
        product : str
            The product's id.
        review : str
            What was said.
        """
        return f"told of {product}: {review}"

    @action(InputEvent)
    @staticmethod
    def ask(event: Event, ctx: RunnerContext) -> None:
        """Hand the review to the model."""
        address = {"address": ctx.config.get_str("model.address")}
        review = ChatMessage(role=MessageRole.USER, content=event.input["review"], extra_args=address)
        ctx.send_event(ChatRequestEvent(model="model", messages=[review]))

    @action(ChatResponseEvent)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        """Give out the analysis."""
        ctx.send_event(OutputEvent(output=json.loads(event.response.content)))
