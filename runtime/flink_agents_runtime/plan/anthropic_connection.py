"""Upstream's connection to Anthropic's models, with an address: upstream's own has none, and asks the real service."""

from __future__ import annotations

from typing import Any

from flink_agents.integrations.chat_models.anthropic.anthropic_chat_model import AnthropicChatModelConnection


class AddressedAnthropicConnection(AnthropicChatModelConnection):
    """What a scenario gets that names ``clazz: anthropic`` with a ``base_url``: a model server in place of the service."""

    base_url: str

    @property
    def client(self) -> Any:
        """The client, at the address."""
        client = super().client
        client.base_url = self.base_url
        return client
