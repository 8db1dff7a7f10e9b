"""The section ``llm`` of a scenario, as data for the model server.

Must never import: yaml, pytest, flink_testbed.models.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, FiniteFloat, model_validator
from typing_extensions import Self

from flink_testbed.core.addresses import address_of
from pytest_flink_agents.scenario.mapping import Items, LanguageMapping, SomeItems
from pytest_flink_agents.scenario.variation import ScrubText
from pytest_flink_agents.scenario.words import Delay, NotEmpty, Regex, wrong

Tokens = Annotated[int, Field(ge=0, le=1_000_000_000)]
ErrorStatus = Annotated[int, Field(ge=400, le=599)]
EMBEDDING = "embedding"
_INSTEAD_OF_REPLY = ("status", "reset")
_OF_SCRIPTS, _OF_MODELS = ("script",), ("cassette", "endpoint", "scrub")
_ONE_VARIABLE = re.compile(r"\$\{env\.\w+\}")
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


class ModelEndpoint(LanguageMapping):
    """The service that answers in the modes record and live."""

    url: NotEmpty = Field(description="its address, like https://api.example.com, or ${env.NAME}")
    key: NotEmpty | None = Field(None, description="the key to it, as ${env.NAME}; default: none is sent")

    @model_validator(mode="after")
    def _is_no_secret(self) -> Self:
        if self.key is not None and not _ONE_VARIABLE.fullmatch(self.key):
            next_step = "write ${env.NAME}, and the name under flink_scenario_env in the ini file"
            raise wrong("${env.NAME} and nothing else", message="a key in a scenario file", next_step=next_step)
        if not self.url.startswith("${env."):
            try:
                address_of(self.url)
            except ValueError as error:
                raise wrong("an address like https://api.example.com, or ${env.NAME}", next_step=str(error)) from None
        return self

    @property
    def address(self) -> str:
        """Host and port as ``network`` names them, empty if an environment variable has them."""
        return "" if self.url.startswith("${env.") else address_of(self.url)


class LlmSettings(LanguageMapping):
    """The section ``llm``: a script, a recording, or a real model."""

    mode: Literal["scripted", "replay", "record", "live"] = Field(
        description="scripted: the rules of `script` answer; replay: the recorded exchanges of `cassette`; record: "
        "`endpoint`, and its answers go to `cassette`; live: `endpoint`"
    )
    script: SomeItems[LlmRule] | None = Field(
        None, description="the rules in order; the first that matches answers (scripted only)"
    )
    cassette: NotEmpty | None = Field(None, description="file of recorded exchanges, relative to the scenario's file")
    endpoint: ModelEndpoint | None = Field(None, description="the service to forward to")
    scrub: Items[ScrubText] = Field(
        (), description="what is removed from requests before they are compared: a key everywhere, or a path from $"
    )

    @model_validator(mode="after")
    def _has_what_its_mode_needs(self) -> Self:
        scripted = self.mode == "scripted"
        if scripted and self.script is None:
            raise wrong("script beside the mode scripted", code="FA204", next_step="write the rules")
        given = [word for word in _OF_SCRIPTS if word in self.model_fields_set]
        given = [] if scripted else given
        given += [word for word in _OF_MODELS if scripted and word in self.model_fields_set]
        if given:
            next_step = f"remove {given[0]}, or change the mode"
            raise wrong("the words of one mode", message=f"llm.{given[0]} in the mode {self.mode}", next_step=next_step)
        if self.mode in ("replay", "record") and self.cassette is None:
            raise wrong(f"cassette beside the mode {self.mode}", code="FA204", next_step="name a file")
        if self.mode in ("record", "live") and self.endpoint is None:
            next_step = 'write endpoint: {url: https://..., key: "${env.NAME}"}'
            raise wrong(f"endpoint beside the mode {self.mode}", code="FA204", next_step=next_step)
        return self

    @property
    def asks_a_model(self) -> bool:
        """True if a real model answers by the scenario's own mode."""
        return self.mode in ("record", "live")

    def rules(self) -> list[dict[str, Any]]:
        """Return the script as plain data, durations as seconds; none without a script."""
        return [rule.model_dump(by_alias=True, exclude_unset=True) for rule in self.script or ()]
