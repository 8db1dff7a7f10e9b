"""The section ``effects`` of a scenario: endpoints that the agent calls, as data for the ledger.

Must never import: yaml, pytest, flink_testbed.ledger.service.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, TypeAdapter, ValidationError, model_validator
from typing_extensions import Self

from flink_testbed.core.problem import nearest
from flink_testbed.ledger.routes import Fault, Reply, Route, variables_of
from flink_testbed.ledger.template import names_in
from pytest_flink_agents.scenario.effect_tools import EffectTool
from pytest_flink_agents.scenario.error import Mistake, path_text
from pytest_flink_agents.scenario.mapping import LanguageMapping
from pytest_flink_agents.scenario.words import FORM, Delay, EndpointName, NotEmpty, has_form, value_error, wrong

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_ROUTE = re.compile(rf"({'|'.join(METHODS)}) (/[A-Za-z0-9._~{{}}/-]*)")
_VARIABLE = re.compile(r"\{[a-z_][a-z0-9_]*\}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
# The server writes these itself.
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection"})
_INSTEAD_OF_REPLY = ("status", "reset")
_ONE_OF = ("status", "reset", "malformed", "slow")

Status = Annotated[int, Field(ge=200, le=599)]
ErrorStatus = Annotated[int, Field(ge=400, le=599)]


def _route(text: str) -> str:
    found = _ROUTE.fullmatch(text)
    if not found:
        method = text.partition(" ")[0]
        near = nearest(method.upper(), METHODS)
        raise wrong(
            "a method and a path, like POST /refunds or GET /refunds/{id}",
            next_step=f"did you mean {near}?" if near and near != method else f"methods are {', '.join(METHODS)}",
        )
    variables = variables_of(found[2])
    if len(set(variables)) != len(variables):
        raise wrong("a path with each variable once")
    if re.search(r"[{}]", _VARIABLE.sub("", found[2])):
        raise wrong("a variable like {id} in the path", next_step="write its name in lower-case letters")
    return text


def _header(text: str) -> str:
    if not _HEADER.fullmatch(text):
        raise wrong("the name of a header, like X-Request-Id")
    if text.lower() in _FRAMING:
        raise wrong("a header that does not frame the body", next_step=f"remove {text}: the server writes it")
    return text


def _header_text(text: str) -> str:
    if not text.isprintable():
        raise wrong("a header on one line")
    return text


class EffectReply(LanguageMapping):
    """The answer of a route; strings may repeat parts of the request."""

    status: Status = Field(200, description="HTTP status")
    # `json` would hide a method of the base class.
    json_: Any = Field(None, alias="json", description="the body as a JSON value, like {id: '${request.path.id}'}")
    text: str | None = Field(None, description="the body as text, instead of json")
    headers: dict[Annotated[str, AfterValidator(_header)], Annotated[str, AfterValidator(_header_text)]] = Field(
        default_factory=dict, description="further headers, by name"
    )

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if {"text", "json_"} <= self.model_fields_set:
            raise wrong("text or json, not both", next_step="keep one of them")
        return self


class EffectFault(LanguageMapping):
    """A fault of a route's answer: a delay, one of the other faults, or both."""

    delay: Delay | None = Field(None, description="delay before the answer, like 500ms or 2s")
    status: ErrorStatus | None = Field(None, description="HTTP status instead of the reply")
    retry_after: Delay | None = Field(None, description="Retry-After header of the status, like 2s")
    reset: Literal["before", "after"] | None = Field(
        None, description="reset the connection before or after the call is recorded: before, it never happened"
    )
    malformed: Literal[True] | None = Field(None, description="answer with invalid JSON")
    slow: Delay | None = Field(None, description="send the body slowly, over this time")
    times: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="number of calls that get the fault, from the first; default: all"
    )

    @model_validator(mode="after")
    def _can_happen(self) -> Self:
        given = self.model_fields_set - {"times"}
        if not given:
            raise wrong(f"delay, {', '.join(_ONE_OF)}", code="FA204")
        if sum(word in given for word in _ONE_OF) > 1:
            raise wrong(f"only one of {', '.join(_ONE_OF)}", next_step="keep one of them")
        if "retry_after" in given and "status" not in given:
            raise wrong("retry_after only with a status", next_step="add `status: 429`")
        return self

    def as_fault(self) -> Fault:
        """Return the fault for the ledger."""
        return Fault(
            delay_s=self.delay or 0.0,
            status=self.status,
            retry_after_s=self.retry_after,
            reset=self.reset or "",
            malformed=bool(self.malformed),
            slow_s=self.slow or 0.0,
            times=self.times,
        )


class Effect(LanguageMapping):
    """One route of an endpoint that the agent calls; entries of one name share an address."""

    name: EndpointName = Field(description="the endpoint: ${effects.NAME.url} is its address")
    route: Annotated[NotEmpty, AfterValidator(_route)] = Field(
        description="method and path, like POST /refunds or GET /refunds/{id}"
    )
    reply: EffectReply = Field(EffectReply(), description="the answer; default: status 200 and null")
    fault: EffectFault | None = Field(None, description="a fault of the answer")
    idempotent: bool = Field(
        False, description="answer a repeated Idempotency-Key like the first time, without doing the work again"
    )

    @model_validator(mode="after")
    def _fault_is_always(self) -> Self:
        replaces = self.fault and not self.fault.times and self.fault.model_fields_set.intersection(_INSTEAD_OF_REPLY)
        if replaces and "reply" in self.model_fields_set:
            raise wrong("no reply beside a fault that always replaces it", next_step="add `times: 1` to the fault")
        return self

    def as_route(self) -> Route:
        """Return the route for the ledger."""
        method, _, path = self.route.partition(" ")
        reply = Reply(self.reply.status, self.reply.json_, self.reply.text, self.reply.headers)
        return Route(self.name, method, path, reply, self.fault.as_fault() if self.fault else None, self.idempotent)


def _effect_form(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    return FORM + ("tool" if "tool" in value else "route")


AnyEffect = Annotated[
    Annotated[Effect, Tag(FORM + "route")] | Annotated[EffectTool, Tag(FORM + "tool")],
    Discriminator(_effect_form),
    has_form(_effect_form, "{name, route, reply} or {name, tool, reply}"),
]
_ENTRY: TypeAdapter[Effect | EffectTool] = TypeAdapter(AnyEffect)


def read_effects(value: Sequence[Mapping[str, Any]]) -> tuple[Route, ...]:
    """Return the routes of plain entries; raise ValueError that names the first mistake."""
    try:
        effects = [_ENTRY.validate_python(entry) for entry in value]
    except ValidationError as error:
        raise value_error("effects", error) from None
    for mistake in effect_mistakes(list(value)):
        raise ValueError(f"{mistake.message}: expected {mistake.expected}, seen {mistake.seen}")
    return tuple(effect.as_route() for effect in effects)


def effect_mistakes(value: Any) -> Iterator[Mistake]:
    """Yield routes that are declared twice, and replies that repeat unknown variables."""
    seen: dict[tuple[str, str, str], int] = {}
    kinds: dict[str, str] = {}
    for index, entry in enumerate(value if isinstance(value, list) else ()):
        kind = "tool" if isinstance(entry, dict) and "tool" in entry else "route"
        if not isinstance(entry, dict) or not isinstance(text := entry.get(kind), str):
            continue
        name, place = str(entry.get("name")), ("effects", index, kind)
        # Two names of one variable do not make two routes.
        same = (name, kind, _VARIABLE.sub("{}", text) if kind == "route" else text)
        if same in seen:
            message = f"a {kind} declared twice: {path_text(place)}"
            first = f"once: it is that of {path_text(('effects', seen[same]))} already"
            yield Mistake("FA203", place, message, first, text, "remove one of the two")
        elif kinds.setdefault(name, kind) != kind:
            message = f"routes and tools of one name: {path_text(place)}"
            yield Mistake("FA203", place, message, f"a {kinds[name]} like the first of {name}", kind, "use two names")
        seen.setdefault(same, index)
        variables = variables_of(text) if kind == "route" else ()
        yield from _variable_mistakes(("effects", index, "reply"), entry.get("reply"), variables)


def _variable_mistakes(path: Sequence[str | int], reply: Any, variables: Sequence[str]) -> Iterator[Mistake]:
    for name in names_in(reply):
        section, _, variable = name.partition(".")
        if section == "path" and variable not in variables:
            near = nearest(variable, variables)
            next_step = f"did you mean ${{request.path.{near}}}?" if near else f"add {{{variable}}} to the route"
            expected = f"one of {', '.join(variables)}" if variables else "a route with variables, like /refunds/{id}"
            message = f"a variable that the route does not have, in {path_text(tuple(path))}"
            yield Mistake("FA210", tuple(path), message, expected, f"${{request.{name}}}", next_step)
