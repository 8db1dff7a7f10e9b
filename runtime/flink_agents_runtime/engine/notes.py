"""Notes on errors: the tool, the model, or the broken rule.

They are the notes of PEP 678, set by hand for Python 3.10. They stay with the exception when it is
recorded and replayed, and do not change its type.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from flink_agents.api.chat_message import ChatMessage
from flink_agents.api.chat_models.chat_model import BaseChatModelSetup
from flink_agents.api.tools.tool import Tool
from flink_agents.api.vector_stores.vector_store import BaseVectorStore
from flink_agents.plan.function import _ASYNCIO_ERROR_MESSAGE
from pydantic import ValidationError

from flink_agents_runtime.engine.failure import text_of
from flink_agents_runtime.plan.agent_reference import reason_of

_SHOWN = 300


def notes_of(error: BaseException) -> tuple[str, ...]:
    """Return the notes on an error, in the order of their creation."""
    return tuple(getattr(error, "__notes__", ()))


def add_note(error: BaseException, note: str) -> None:
    """Add a note to an error, unless it has it already."""
    notes = list(notes_of(error))
    if note and note not in notes:
        # An exception of an extension type may refuse new attributes.
        with contextlib.suppress(AttributeError, TypeError):
            error.__notes__ = [*notes, note]  # type: ignore[attr-defined,unused-ignore]


def call_note(function: Callable[..., Any], arguments: Mapping[str, Any], error: BaseException) -> str:
    """Return a note on a failed call of a tool, model or vector store."""
    owner = getattr(function, "__self__", None)
    reason = f" ({reason_of(error)})" if getattr(error, "exceptions", ()) else ""
    if isinstance(owner, Tool):
        metadata = owner.metadata
        name = metadata.name if metadata else "?"
        wants = ", ".join((metadata.get_parameters_dict().get("properties") or {}) if metadata else ())
        return (
            f"tool {name!r}{_server(owner)} was called with {_shown(arguments)}; it takes: {wants or 'nothing'}{reason}; "
            "an exception in a tool fails its action under every error-handling-strategy"
        )
    if isinstance(owner, BaseChatModelSetup):
        return (
            f"model {owner.model!r} was called through the connection {owner.connection!r}{reason}; "
            "the option error-handling-strategy decides what follows: fail (the default), retry or ignore"
        )
    if isinstance(owner, BaseVectorStore):
        return f"the vector store was queried in the collection {owner.collection!r}{reason}"
    return ""


def answer_note(result: Any) -> str:
    """Return a note with a model's last answer before the error.

    Empty for other results.
    """
    return f"the model had answered {_shown(result.content)}" if isinstance(result, ChatMessage) else ""


def rule_note(error: BaseException) -> str:
    """Return the rule behind an error that does not state it, if any."""
    if isinstance(error, RuntimeError) and "no running event loop" in text_of(error):
        rule: str = _ASYNCIO_ERROR_MESSAGE
        return rule
    if isinstance(error, ValidationError) and "Error serializing to JSON" in str(error):
        return "an event travels as JSON, as on Flink: give it JSON values or pydantic models"
    return ""


def _server(tool: Tool) -> str:
    endpoint = getattr(getattr(tool, "mcp_server", None), "endpoint", "")
    return f" of the MCP server {endpoint}" if endpoint else ""


def _shown(value: Any) -> str:
    text = json.dumps(value, default=repr, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
