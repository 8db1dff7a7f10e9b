"""Entries of ``effects`` that are tools of an MCP server.

Must never import: yaml, pytest, flink_testbed.ledger.service.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import Self

from flink_testbed.ledger.routes import TOOL, Fault, Reply, Route
from pytest_flink_agents.scenario.mapping import LanguageMapping
from pytest_flink_agents.scenario.words import Delay, EndpointName, NotEmpty, wrong

_TOOL = re.compile(r"[A-Za-z0-9_-]{1,64}")
# A status that refuses a call: it had no effect.
_ERROR_STATUS = 500


def _tool(text: str) -> str:
    if not _TOOL.fullmatch(text):
        raise wrong("the name of a tool: letters, digits, underscores and dashes, like where_is")
    return text


def _schema(value: dict[str, Any]) -> dict[str, Any]:
    if value.get("type") != "object":
        raise wrong("a JSON Schema with `type: object`", next_step="write {type: object, properties: {NAME: {...}}}")
    return value


class ToolReply(LanguageMapping):
    """The answer of a tool; strings may repeat parts of the arguments."""

    text: str | None = Field(None, description="the answer as text")
    # `json` would hide a method of the base class.
    json_: Any = Field(None, alias="json", description="the answer as a JSON value, like {id: '${request.json.order}'}")

    @model_validator(mode="after")
    def _one_answer(self) -> Self:
        if len({"text", "json_"} & self.model_fields_set) != 1:
            raise wrong("text or json", next_step="write one of them")
        return self


class ToolFault(LanguageMapping):
    """A fault of a tool's answer: a delay, one of the other faults, or both."""

    delay: Delay | None = Field(None, description="delay before the answer, like 500ms or 2s")
    error: Literal[True] | None = Field(None, description="answer with an error instead of the reply")
    reset: Literal["before", "after"] | None = Field(
        None, description="reset the connection before or after the call is recorded: before, it never happened"
    )
    times: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="number of calls that get the fault, from the first; default: all"
    )

    @model_validator(mode="after")
    def _can_happen(self) -> Self:
        given = self.model_fields_set - {"times"}
        if not given:
            raise wrong("delay, error or reset", code="FA204")
        if {"error", "reset"} <= given:
            raise wrong("error or reset, not both", next_step="keep one of them")
        return self

    def as_fault(self) -> Fault:
        """Return the fault for the ledger."""
        return Fault(
            delay_s=self.delay or 0.0,
            status=_ERROR_STATUS if self.error else None,
            reset=self.reset or "",
            times=self.times,
        )


class EffectTool(LanguageMapping):
    """One tool of an MCP server; tools of one name share its address."""

    name: EndpointName = Field(description="the server: ${effects.NAME.url} is its endpoint")
    tool: Annotated[NotEmpty, AfterValidator(_tool)] = Field(description="the name of the tool, like where_is")
    description: str = Field("", description="what the tool does, as the model reads it")
    arguments: Annotated[dict[str, Any], AfterValidator(_schema)] = Field(
        default_factory=lambda: {"type": "object", "properties": {}},
        description="JSON Schema of the arguments, as the model reads it; calls are not validated",
    )
    reply: ToolReply = Field(description="the answer")
    fault: ToolFault | None = Field(None, description="a fault of the answer")

    def as_route(self) -> Route:
        """Return the tool as a route for the ledger."""
        return Route(
            self.name,
            TOOL,
            self.tool,
            Reply(json=self.reply.json_, text=self.reply.text),
            self.fault.as_fault() if self.fault else None,
            description=self.description,
            arguments=self.arguments,
        )
