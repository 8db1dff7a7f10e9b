"""One rule of a script: on which requests it answers, and with what. Plain values; no I/O, no clock, no socket."""

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
# Likeness only ranks rules for a message to people; whole documents would make it slow.
_COMPARED_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Look:
    """One condition beside a request. ``wanted`` reads on from "wanted", as in "the model to be"."""

    holds: bool
    wanted: str
    value: str
    seen: str

    def reason(self) -> str:
        """Say in words what was wanted and what was there instead."""
        shown = self.seen if len(self.seen) <= _SHOWN_CHARACTERS else self.seen[:_SHOWN_CHARACTERS] + "..."
        in_other_case = self.value.casefold() in self.seen.casefold()
        return f"wanted {self.wanted} {self.value!r}, saw {shown!r}" + (
            " (differs in case only)" if in_other_case else ""
        )

    def likeness(self) -> float:
        """Tell how much of the wanted text is there in one run, 0 to 1, whatever its case."""
        value, seen = (text.casefold()[:_COMPARED_CHARACTERS] for text in (self.value, self.seen))
        run = difflib.SequenceMatcher(None, value, seen, autojunk=False).find_longest_match()
        return run.size / max(1, len(value))


def _is_found(pattern: str, text: str) -> bool:
    """Look for a pattern; one that takes too long is not found, so that another rule or nobody answers."""
    try:
        return compile_pattern(pattern).is_found(text)
    except TooSlowError:
        return False


@dataclass(frozen=True, slots=True)
class When:
    """Conditions on a request; all that are given must hold, and none given holds always. Letter case counts.

    ``contains`` and ``regex`` (searched) look at the text of the last message, ``role`` at its role,
    ``system_contains`` at every system message.
    """

    contains: str | None = None
    regex: str | None = None
    role: str | None = None
    model: str | None = None
    system_contains: str | None = None

    def looks(self, request: ChatRequest) -> Iterator[Look]:
        """Hold each given condition beside the request."""
        text, role, systems = request.last_text, request.last_role, request.system_texts
        if self.contains is not None:
            yield Look(self.contains in text, "the last message to contain", self.contains, text)
        if self.regex is not None:
            yield Look(_is_found(self.regex, text), "the last message to match", self.regex, text)
        if self.role is not None:
            yield Look(self.role == role, "the last message's role to be", self.role, role)
        if self.model is not None:
            yield Look(self.model == request.model, "the model to be", self.model, request.model)
        if self.system_contains is not None:
            found = any(self.system_contains in system for system in systems)
            yield Look(found, "a system message to contain", self.system_contains, "\n".join(systems))


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model asks for."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model says: a text (a scripted ``json`` is one already), tool calls, or both; or a text's vector."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    embedding: tuple[float, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Give the reply as plain data, for records: ``text`` and ``tool_calls``, each only where there is one."""
        if self.embedding:
            return {"embedding": list(self.embedding)}
        calls = [{"name": call.name, "arguments": dict(call.arguments)} for call in self.tool_calls]
        return ({"text": self.text} if self.text or not calls else {}) | ({"tool_calls": calls} if calls else {})


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of the request and of the reply."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with the answer: a delay, and at most one of the others.

    ``status`` (400-599, with ``retry_after_s``) and ``reset`` (of the connection) come instead of the reply;
    ``malformed`` and ``truncate`` damage it.
    """

    delay_s: float = 0.0
    status: int | None = None
    retry_after_s: float | None = None
    reset: bool = False
    malformed: bool = False
    truncate: bool = False

    @property
    def replaces_reply(self) -> bool:
        """Whether the client gets no reply at all."""
        return self.reset or self.status is not None

    @property
    def names(self) -> tuple[str, ...]:
        """The words of the scenario language for it."""
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
    """When to answer, with what, and at most how many ``times`` (None: always). No reply is an empty text.

    A rule is for chats or for embeddings, never for both.
    """

    when: When = field(default_factory=When)
    reply: Reply | None = None
    usage: Usage | None = None
    fault: Fault | None = None
    times: int | None = None

    def is_for(self, request: ChatRequest) -> bool:
        """Whether the rule speaks of requests of this kind, whatever its conditions."""
        embeds = self.when.role == EMBEDDING_ROLE or bool(self.reply and self.reply.embedding)
        return embeds == (request.last_role == EMBEDDING_ROLE)


def counted_usage(request: ChatRequest, reply: Reply) -> Usage:
    """Count the usage where a rule scripts none: words between blanks, as deterministic as it is rough.

    Prompt: the text of every message. Completion: the text, and each tool call's name and arguments (as JSON).
    """
    prompt = sum(len(text_of(message).split()) for message in request.messages)
    calls = sum(len(f"{call.name} {json.dumps(call.arguments)}".split()) for call in reply.tool_calls)
    return Usage(prompt, len(reply.text.split()) + calls)
