"""Upstream's connection to Anthropic's models with a ``base_url``.

Upstream's class has no such field and always calls the real service.
"""

from __future__ import annotations

from typing import Any

from flink_agents.integrations.chat_models.anthropic.anthropic_chat_model import AnthropicChatModelConnection


class AddressedAnthropicConnection(AnthropicChatModelConnection):
    """The connection for ``clazz: anthropic`` with a ``base_url``."""

    base_url: str

    @property
    def client(self) -> Any:
        """Return the client for the address."""
        client = super().client
        client.base_url = self.base_url
        return client
