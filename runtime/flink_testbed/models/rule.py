"""A rule of a script: conditions on a request, and its reply."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flink_testbed.core.patterns import TooSlowError, compile_pattern
from flink_testbed.models.chat import EMBEDDING_ROLE, ChatRequest, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SHOWN_CHARACTERS = 80
# Similarity only ranks rules for an error message; comparing whole documents would be slow.
_COMPARED_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Comparison:
    """One condition compared with a request.

    ``wanted`` completes "expected", as in "the model to be".
    """

    holds: bool
    wanted: str
    value: str
    seen: str

    def reason(self) -> str:
        """Return the expectation and the actual text as a phrase."""
        shown = self.seen if len(self.seen) <= _SHOWN_CHARACTERS else self.seen[:_SHOWN_CHARACTERS] + "..."
        differs_in_case = self.value.casefold() in self.seen.casefold()
        return f"expected {self.wanted} {self.value!r}, saw {shown!r}" + (
            " (differs in case only)" if differs_in_case else ""
        )

    def similarity(self) -> float:
        """Return the share of the expected text that occurs contiguously.

        From 0 to 1, ignoring case.
        """
        value, seen = (text.casefold()[:_COMPARED_CHARACTERS] for text in (self.value, self.seen))
        run = difflib.SequenceMatcher(None, value, seen, autojunk=False).find_longest_match()
        return run.size / max(1, len(value))


def _search(pattern: str, text: str) -> Comparison:
    """Search for a pattern; one that takes too long does not match."""
    wanted = "the last message to match"
    try:
        found = compile_pattern(pattern).is_found(text)
    except TooSlowError as error:
        found, wanted = False, f"{wanted} ({error})"
    return Comparison(found, wanted, pattern, text)


@dataclass(frozen=True, slots=True)
class When:
    """Conditions on a request, all of which must hold; case-sensitive.

    Without conditions every request matches. ``contains`` and ``regex`` (searched) apply to the text
    of the last message, ``role`` to its role, ``system_contains`` to every system message.
    """

    contains: str | None = None
    regex: str | None = None
    role: str | None = None
    model: str | None = None
    system_contains: str | None = None

    def compare(self, request: ChatRequest) -> Iterator[Comparison]:
        """Yield the comparison of each given condition with the request."""
        text, role, systems = request.last_text, request.last_role, request.system_texts
        if self.contains is not None:
            yield Comparison(self.contains in text, "the last message to contain", self.contains, text)
        if self.regex is not None:
            yield _search(self.regex, text)
        if self.role is not None:
            yield Comparison(self.role == role, "the last message's role to be", self.role, role)
        if self.model is not None:
            yield Comparison(self.model == request.model, "the model to be", self.model, request.model)
        if self.system_contains is not None:
            found = any(self.system_contains in system for system in systems)
            yield Comparison(found, "a system message to contain", self.system_contains, "\n".join(systems))


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool that the model requests."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply of the model.

    It has a text, tool calls or both, or is the vector of an embedding. A scripted ``json`` has
    been turned into text already.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    embedding: tuple[float, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Return the reply as plain data.

        The keys are ``text`` and ``tool_calls`` if the reply has any, or ``embedding``.
        """
        if self.embedding:
            return {"embedding": list(self.embedding)}
        calls = [{"name": call.name, "arguments": dict(call.arguments)} for call in self.tool_calls]
        return ({"text": self.text} if self.text or not calls else {}) | ({"tool_calls": calls} if calls else {})


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of the request and of the reply."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the response.

    It is a delay and at most one of the others. ``status`` (400-599, with ``retry_after_s``) and
    ``reset`` of the connection replace the reply; ``malformed`` and ``truncate`` damage it.
    """

    delay_s: float = 0.0
    status: int | None = None
    retry_after_s: float | None = None
    reset: bool = False
    malformed: bool = False
    truncate: bool = False

    @property
    def replaces_reply(self) -> bool:
        """True if the client gets no reply at all."""
        return self.reset or self.status is not None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the given faults in the scenario language."""
        given = {
            "delay": self.delay_s > 0,
            "status": self.status is not None,
            "reset": self.reset,
            "malformed": self.malformed,
            "truncate": self.truncate,
        }
        return tuple(name for name, is_given in given.items() if is_given)


@dataclass(frozen=True, slots=True)
class Rule:
    """Conditions, the reply, and how often the rule may answer.

    ``times`` is None for no limit. Without ``reply`` the reply is an empty text. A rule is for
    chats or for embeddings, not for both.
    """

    when: When = field(default_factory=When)
    reply: Reply | None = None
    usage: Usage | None = None
    fault: Fault | None = None
    times: int | None = None

    def is_for(self, request: ChatRequest) -> bool:
        """Return True if the rule is for this kind of request.

        The kinds are chats and embeddings.
        """
        embeds = self.when.role == EMBEDDING_ROLE or bool(self.reply and self.reply.embedding)
        return embeds == (request.last_role == EMBEDDING_ROLE)


def counted_usage(request: ChatRequest, reply: Reply) -> Usage:
    """Estimate the usage for a rule that scripts none.

    The estimate is the number of words, which is deterministic. The prompt is the text of every
    message; the completion is the text, and name and JSON arguments of each tool call.
    """
    prompt = sum(len(text_of(message).split()) for message in request.messages)
    calls = sum(len(f"{call.name} {json.dumps(call.arguments)}".split()) for call in reply.tool_calls)
    return Usage(prompt, len(reply.text.split()) + calls)
