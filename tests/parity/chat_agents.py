"""Agents for the built-in actions, with a model that answers without a network."""

from __future__ import annotations

from typing import Any

from flink_agents.api.agents.agent import Agent
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.chat_models.chat_model import BaseChatModelConnection, BaseChatModelSetup
from flink_agents.api.decorators import action, chat_model_connection, chat_model_setup, tool
from flink_agents.api.events.chat_event import ChatRequestEvent, ChatResponseEvent
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.resource import ResourceDescriptor
from flink_agents.api.runner_context import RunnerContext

INPUT = InputEvent.EVENT_TYPE
_HERE = "tests.parity.chat_agents"


class Parrot(BaseChatModelConnection):
    """A model that obeys the last message: ``tool NAME N``, ``fail N`` times, else an echo."""

    _failed: int = 0

    def chat(self, messages: Any, tools: Any = None, **kwargs: Any) -> ChatMessage:
        text = messages[-1].content
        words = text.split()
        if messages[-1].role is not MessageRole.TOOL and words[0] == "tool":
            function = {"name": words[1], "arguments": {"number": int(words[2])}}
            call = {"id": "c-1", "type": "function", "function": function}
            return ChatMessage(role=MessageRole.ASSISTANT, tool_calls=[call])
        if words[0] == "fail" and self._failed < int(words[1]):
            self._failed += 1
            raise ConnectionError(f"busy {self._failed}")
        return ChatMessage(role=MessageRole.ASSISTANT, content=f"{text}!")


class ParrotSetup(BaseChatModelSetup):
    """The setup of the model, without parameters."""

    @property
    def model_kwargs(self) -> dict[str, Any]:
        return {"model": self.model}


class Talker(Agent):
    """Sends the input to the model and outputs its answer."""

    @chat_model_connection
    @staticmethod
    def cage() -> ResourceDescriptor:
        return ResourceDescriptor(clazz=f"{_HERE}.Parrot")

    @chat_model_setup
    @staticmethod
    def parrot() -> ResourceDescriptor:
        return ResourceDescriptor(clazz=f"{_HERE}.ParrotSetup", connection="cage", model="parrot", tools=["double"])

    @tool
    @staticmethod
    def double(number: int) -> int:
        """Double a number; 13 brings bad luck.

        Parameters
        ----------
        number : int
            The number.
        """
        if number == 13:
            raise ArithmeticError("bad luck")
        return number * 2

    @action(INPUT)
    @staticmethod
    def ask(event: Event, ctx: RunnerContext) -> None:
        text = InputEvent.from_event(event).input["say"]
        ctx.send_event(ChatRequestEvent(model="parrot", messages=[ChatMessage(role=MessageRole.USER, content=text)]))

    @action(ChatResponseEvent.EVENT_TYPE)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        response = ChatResponseEvent.from_event(event)
        ctx.send_event(OutputEvent(output={"text": response.response.content, "retries": response.retry_count}))
