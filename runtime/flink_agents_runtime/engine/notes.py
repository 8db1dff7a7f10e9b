"""What an error does not say itself: which tool was called with what, which model was asked, what it had answered.

The notes are those of PEP 678, by hand: they travel with the exception, also through a record, and leave its type alone.
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

from flink_agents_runtime.plan.agent_reference import reason_of

_SHOWN = 300


def notes_of(error: BaseException) -> tuple[str, ...]:
    """The notes on an error, in the order in which they were made."""
    return tuple(getattr(error, "__notes__", ()))


def add_note(error: BaseException, note: str) -> None:
    """Put a note on an error, once."""
    notes = list(notes_of(error))
    if note and note not in notes:
        # An exception of a compiled class may take no attributes.
        with contextlib.suppress(AttributeError, TypeError):
            error.__notes__ = [*notes, note]  # type: ignore[attr-defined,unused-ignore]


def call_note(function: Callable[..., Any], arguments: Mapping[str, Any], error: BaseException) -> str:
    """What was being done when a call failed; empty for a call that is the user's own."""
    owner = getattr(function, "__self__", None)
    reason = f" ({reason_of(error)})" if getattr(error, "exceptions", ()) else ""
    if isinstance(owner, Tool):
        metadata = owner.metadata
        name = metadata.name if metadata else "?"
        wants = ", ".join((metadata.get_parameters_dict().get("properties") or {}) if metadata else ())
        return (
            f"tool {name!r}{_server(owner)} was called with {_shown(arguments)}; it takes: {wants or 'nothing'}{reason}; "
            "what a tool raises fails its action, whatever error-handling-strategy says"
        )
    if isinstance(owner, BaseChatModelSetup):
        return (
            f"model {owner.model!r} was asked through the connection {owner.connection!r}{reason}; "
            "error-handling-strategy says what follows: fail (the default), retry or ignore"
        )
    if isinstance(owner, BaseVectorStore):
        return f"the vector store was asked in the collection {owner.collection!r}{reason}"
    return ""


def answer_note(result: Any) -> str:
    """What a model had answered before what came after failed; empty for other results."""
    return f"the model had answered {_shown(result.content)}" if isinstance(result, ChatMessage) else ""


def rule_note(error: BaseException) -> str:
    """The rule, where Python or pydantic say only what they could not do; else empty."""
    if isinstance(error, RuntimeError) and "no running event loop" in str(error):
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
