"""How the model answers in a scenario: the section ``llm``. Data only; the model server of the testbed reads it.

Must never import: yaml, pytest, flink_testbed.models.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, FiniteFloat, model_validator
from typing_extensions import Self

from pytest_flink_agents.scenario.error import NOT_YET
from pytest_flink_agents.scenario.mapping import LanguageMapping, SomeItems
from pytest_flink_agents.scenario.words import Delay, NotEmpty, Regex, wrong

Tokens = Annotated[int, Field(ge=0, le=1_000_000_000)]
ErrorStatus = Annotated[int, Field(ge=400, le=599)]
EMBEDDING = "embedding"
_INSTEAD_OF_REPLY = ("status", "reset")
_ONE_OF = ("status", "reset", "malformed", "truncate")


class When(LanguageMapping):
    """On which requests a rule answers; all conditions that are given must hold."""

    contains: NotEmpty | None = Field(None, description="text that the last message holds")
    regex: Regex | None = Field(None, description="pattern that is found in the last message")
    role: Literal["system", "user", "assistant", "tool", "embedding"] | None = Field(
        None, description="role of the last message; embedding: a text to embed, not a chat"
    )
    model: NotEmpty | None = Field(None, description="name of the model asked for")
    system_contains: NotEmpty | None = Field(None, description="text that a system message holds")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise wrong("at least one condition", next_step="leave `when` out for a rule that answers every request")
        return self


class ToolCall(LanguageMapping):
    """A tool that the model asks for."""

    name: NotEmpty = Field(description="name of the tool")
    arguments: dict[str, Any] = Field(default_factory=dict, description="its arguments by name")


class Reply(LanguageMapping):
    """What the model says: a text or a JSON value, tool calls, or both."""

    text: str | None = Field(None, description="the reply as text")
    # `json` would hide a method of the base class.
    json_: Any = Field(None, alias="json", description="the reply as a JSON value, sent as text")
    tool_calls: SomeItems[ToolCall] | None = Field(None, description="the tools that the model asks for")
    embedding: SomeItems[FiniteFloat] | None = Field(None, description="the vector of a text to embed; stands alone")

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        given = self.model_fields_set
        if not given:
            raise wrong("text, json, tool_calls or embedding", code="FA204")
        if "embedding" in given and len(given) > 1:
            raise wrong(
                "embedding alone, or no embedding", next_step="use two rules: a rule is for chats or embeddings"
            )
        if {"text", "json_"} <= given:
            raise wrong("text or json, not both", next_step="keep one: they are the same thing twice")
        return self


class Usage(LanguageMapping):
    """The tokens that the server reports for one answer."""

    prompt_tokens: Tokens = Field(description="tokens of the request")
    completion_tokens: Tokens = Field(description="tokens of the reply")


class ModelFault(LanguageMapping):
    """What goes wrong with the answer: a delay, at most one of the others, or a delay and one of them."""

    delay: Delay | None = Field(None, description="wait before the answer; in the model: seconds")
    status: ErrorStatus | None = Field(None, description="answer with this HTTP status instead")
    retry_after: Delay | None = Field(None, description="with status: the Retry-After header; in the model: seconds")
    reset: Literal[True] | None = Field(None, description="reset the connection instead")
    malformed: Literal[True] | None = Field(None, description="answer with something that is no JSON")
    truncate: Literal[True] | None = Field(None, description="end the answer in its middle")

    @property
    def replaces_reply(self) -> bool:
        """Whether no reply is sent at all."""
        return any(word in self.model_fields_set for word in _INSTEAD_OF_REPLY)

    @model_validator(mode="after")
    def _can_happen(self) -> Self:
        given = self.model_fields_set
        if not given:
            raise wrong(f"delay, {', '.join(_ONE_OF)}", code="FA204")
        if sum(word in given for word in _ONE_OF) > 1:
            raise wrong(f"only one of {', '.join(_ONE_OF)}", next_step="use two rules, the first with `times: 1`")
        if "retry_after" in given and "status" not in given:
            raise wrong("retry_after only with a status", next_step="add `status: 429`")
        return self


class LlmRule(LanguageMapping):
    """One rule of the script: when to answer, with what, how often. It needs a reply or a fault."""

    when: When | None = Field(None, description="on which requests; left out: every request")
    reply: Reply | None = Field(None, description="what the model says")
    usage: Usage | None = Field(None, description="the tokens reported; left out: counted from the words")
    fault: ModelFault | None = Field(None, description="what goes wrong")
    times: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="how often it answers at most; left out: always"
    )

    @model_validator(mode="after")
    def _answers(self) -> Self:
        if self.reply is None and self.fault is None:
            raise wrong("a reply or a fault", code="FA204")
        if self.fault is not None and self.fault.replaces_reply and (self.reply or self.usage):
            raise wrong(
                "no reply and no usage beside status or reset", next_step="they come instead of a reply: take it out"
            )
        self._is_of_one_kind()
        return self

    def _is_of_one_kind(self) -> None:
        role = self.when.role if self.when else None
        gives_vector = self.reply is not None and self.reply.embedding is not None
        if gives_vector and role not in (None, EMBEDDING):
            raise wrong(
                "a chat's reply, or no role", next_step=f"take the role {role} out: an embedding answers no chat"
            )
        if not gives_vector and role != EMBEDDING:
            return
        if self.when is not None and self.when.system_contains is not None:
            raise wrong("no system_contains", next_step="take it out: a text to embed has no system message")
        if self.reply is not None and not gives_vector:
            raise wrong("a reply of embedding, or a fault", next_step="take the role embedding out to answer chats")


def _mode(value: Any) -> Any:
    if value in ("replay", "record", "live"):
        raise wrong("scripted", code="FA205", message=f'mode "{value}" is {NOT_YET}')
    return value


class LlmSettings(LanguageMapping):
    """The section ``llm``: a script of rules, first match wins."""

    mode: Annotated[Literal["scripted"], BeforeValidator(_mode)] = Field(description="scripted: the rules below answer")
    script: SomeItems[LlmRule] = Field(description="the rules in order; the first that matches answers")

    def rules(self) -> list[dict[str, Any]]:
        """Return the script as plain data, durations as seconds: what the model server reads."""
        return [rule.model_dump(by_alias=True, exclude_unset=True) for rule in self.script]
