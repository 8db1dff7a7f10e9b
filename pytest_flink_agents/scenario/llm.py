"""The section ``llm`` of a scenario, as data for the model server.

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
    """The requests that a rule answers; all given conditions must hold."""

    contains: NotEmpty | None = Field(None, description="part of the last message")
    regex: Regex | None = Field(None, description="pattern that is found in the last message")
    role: Literal["system", "user", "assistant", "tool", "embedding"] | None = Field(
        None, description="role of the last message; embedding: a text to embed instead of a chat"
    )
    model: NotEmpty | None = Field(None, description="name of the requested model")
    system_contains: NotEmpty | None = Field(None, description="part of a system message")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise wrong("at least one condition", next_step="remove `when` for a rule that answers every request")
        return self


class ToolCall(LanguageMapping):
    """A tool call of the model."""

    name: NotEmpty = Field(description="name of the tool")
    arguments: dict[str, Any] = Field(default_factory=dict, description="its arguments by name")


class Reply(LanguageMapping):
    """The reply of the model.

    It is a text or a JSON value, tool calls, or both.
    """

    text: str | None = Field(None, description="the reply as text")
    # `json` would hide a method of the base class.
    json_: Any = Field(None, alias="json", description="the reply as a JSON value, sent as text")
    tool_calls: SomeItems[ToolCall] | None = Field(None, description="the tool calls of the model")
    embedding: SomeItems[FiniteFloat] | None = Field(
        None, description="the vector of a text to embed; excludes the other keys"
    )

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        given = self.model_fields_set
        if not given:
            raise wrong("text, json, tool_calls or embedding", code="FA204")
        if "embedding" in given and len(given) > 1:
            raise wrong(
                "embedding alone, or no embedding",
                next_step="use two rules, since a rule is for chats or for embeddings",
            )
        if {"text", "json_"} <= given:
            raise wrong("text or json, not both", next_step="keep one of them")
        return self


class Usage(LanguageMapping):
    """The token counts that the server reports for one answer."""

    prompt_tokens: Tokens = Field(description="tokens of the request")
    completion_tokens: Tokens = Field(description="tokens of the reply")


class ModelFault(LanguageMapping):
    """A fault of the answer.

    It is a delay, one of the other faults, or both.
    """

    delay: Delay | None = Field(None, description="delay before the answer, like 500ms or 2s")
    status: ErrorStatus | None = Field(None, description="HTTP status instead of the reply")
    retry_after: Delay | None = Field(None, description="Retry-After header of the status, like 2s")
    reset: Literal[True] | None = Field(None, description="reset the connection instead of replying")
    malformed: Literal[True] | None = Field(None, description="answer with invalid JSON")
    truncate: Literal[True] | None = Field(None, description="end the answer halfway")

    @property
    def replaces_reply(self) -> bool:
        """True if the fault replaces the reply."""
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
    """One rule of the script.

    It says which requests it answers, with what, and how often.
    """

    when: When | None = Field(None, description="which requests it answers; default: every request")
    reply: Reply | None = Field(None, description="the reply of the model")
    usage: Usage | None = Field(None, description="the reported token counts; default: counted from the words")
    fault: ModelFault | None = Field(None, description="a fault of the answer")
    times: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="maximum number of answers; default: no limit"
    )

    @model_validator(mode="after")
    def _answers(self) -> Self:
        if self.reply is None and self.fault is None:
            raise wrong("a reply or a fault", code="FA204")
        if self.fault is not None and self.fault.replaces_reply and (self.reply or self.usage):
            raise wrong(
                "no reply and no usage beside status or reset",
                next_step="remove reply and usage: the fault replaces them",
            )
        self._is_of_one_kind()
        return self

    def _is_of_one_kind(self) -> None:
        role = self.when.role if self.when else None
        gives_vector = self.reply is not None and self.reply.embedding is not None
        if gives_vector and role not in (None, EMBEDDING):
            raise wrong(
                "a chat's reply, or no role", next_step=f"remove the role {role}: an embedding cannot answer a chat"
            )
        if not gives_vector and role != EMBEDDING:
            return
        if self.when is not None and self.when.system_contains is not None:
            raise wrong("no system_contains", next_step="remove it: a text to embed has no system message")
        if self.reply is not None and not gives_vector:
            raise wrong("an embedding as reply, or a fault", next_step="remove the role embedding to answer chats")


def _mode(value: Any) -> Any:
    if value in ("replay", "record", "live"):
        raise wrong("scripted", code="FA205", message=f'mode "{value}" is {NOT_YET}')
    return value


class LlmSettings(LanguageMapping):
    """The section ``llm``: a script of which the first matching rule answers."""

    mode: Annotated[Literal["scripted"], BeforeValidator(_mode)] = Field(
        description="scripted: the rules of `script` answer"
    )
    script: SomeItems[LlmRule] = Field(description="the rules in order; the first that matches answers")

    def rules(self) -> list[dict[str, Any]]:
        """Return the script as plain data, durations as seconds."""
        return [rule.model_dump(by_alias=True, exclude_unset=True) for rule in self.script]
