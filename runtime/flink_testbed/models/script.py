"""A script: ordered rules, of which the first match answers."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from flink_testbed.core.patterns import compile_pattern
from flink_testbed.core.problem import nearest
from flink_testbed.models.chat import EMBEDDING_ROLE
from flink_testbed.models.rule import Fault, Reply, Rule, ToolCall, Usage, When, counted_usage

if TYPE_CHECKING:
    from flink_testbed.models.chat import ChatRequest

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply to a request, and the index of the matching rule."""

    rule: int
    reply: Reply
    usage: Usage
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class Unmatched:
    """The absence of a matching rule.

    ``text`` explains it by the nearest rule; ``nearest`` is the index of that rule, None if the script
    has no rule for this kind of request.
    """

    text: str
    nearest: int | None


@dataclass(frozen=True, slots=True)
class Script:
    """Ordered rules, without state.

    The channel counts the replies of each rule.
    """

    rules: tuple[Rule, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """The distinct models that the rules name."""
        return tuple(dict.fromkeys(rule.when.model for rule in self.rules if rule.when.model is not None))

    def answer(self, request: ChatRequest, answered: Mapping[int, int] | None = None) -> Answer | Unmatched:
        """Return the answer of the first rule that matches.

        ``answered`` maps the index of a rule to the number of its replies so far.
        """
        answered = answered or {}
        for index, rule in self._rules_for(request):
            if not _is_spent(rule, answered.get(index, 0)) and all(one.holds for one in rule.when.compare(request)):
                reply = rule.reply or Reply()
                return Answer(index, reply, rule.usage or counted_usage(request, reply), rule.fault)
        return self._unmatched(request, answered)

    def _rules_for(self, request: ChatRequest) -> list[tuple[int, Rule]]:
        return [(index, rule) for index, rule in enumerate(self.rules) if rule.is_for(request)]

    def _unmatched(self, request: ChatRequest, answered: Mapping[int, int]) -> Unmatched:
        asked = f"no rule of the script answers this request to model {request.model!r}"
        candidates = [index for index, _ in self._rules_for(request)]
        if not candidates:
            return Unmatched(f"{asked}: the script has no rules" + (" for it" if self.rules else ""), None)

        def nearness(index: int) -> tuple[float, float, int]:
            comparisons = list(self.rules[index].when.compare(request))
            failed = [one for one in comparisons if not one.holds]
            held = 1 - len(failed) / len(comparisons) if comparisons else 1.0
            return held, sum(one.similarity() for one in failed), -index

        index = max(candidates, key=nearness)
        rule = self.rules[index]
        reasons = [one.reason() for one in rule.when.compare(request) if not one.holds]
        if _is_spent(rule, answered.get(index, 0)):
            reasons.append(f"has already answered {rule.times} time{'s' if rule.times != 1 else ''}, its limit")
        return Unmatched(f"{asked}; the nearest, rule {index + 1} of {len(self.rules)}, {'; '.join(reasons)}", index)


def _is_spent(rule: Rule, answered: int) -> bool:
    return rule.times is not None and answered >= rule.times


def parse_script(data: Any) -> Script:
    """Return the script for a list of plain rules.

    The list is the value of ``llm.script`` in a scenario. Each rule is ``{when, reply, usage,
    fault, times}``; a duration is a str like ``500ms`` or a number of seconds. Raises
    ``ValueError`` that names the rule (from 1), the place and the nearest word.
    """
    if not isinstance(data, (list, tuple)):
        raise ValueError(f"a script is a list of rules, not {data!r:.60}")
    return Script(tuple(_rule(item, f"rule {number}") for number, item in enumerate(data, 1)))


def _rule(data: Any, where: str) -> Rule:
    _check_keys(data, tuple(one.name for one in fields(Rule)), where)
    if "reply" not in data and "fault" not in data:
        raise ValueError(f"{where}: a rule needs a reply or a fault")
    rule = Rule(
        when=_when(data.get("when", {}), f"{where}, when"),
        reply=_reply(data["reply"], f"{where}, reply") if "reply" in data else None,
        usage=_usage(data["usage"], f"{where}, usage") if "usage" in data else None,
        fault=_fault(data["fault"], f"{where}, fault") if "fault" in data else None,
        times=_int(data["times"], f"{where}, times", minimum=1) if "times" in data else None,
    )
    if rule.fault and rule.fault.replaces_reply and (rule.reply or rule.usage):
        raise ValueError(f"{where}: {rule.fault.names[-1]} replaces the reply; remove reply and usage")
    _check_kind(rule, where)
    return rule


def _check_kind(rule: Rule, where: str) -> None:
    """Raise for a condition that never holds in a rule of this kind.

    A rule is for chats or for embeddings.
    """
    gives_vector = bool(rule.reply and rule.reply.embedding)
    if gives_vector and rule.when.role not in (None, EMBEDDING_ROLE):
        raise ValueError(f"{where}: an embedding cannot answer a chat; remove the role {rule.when.role!r}")
    if gives_vector or rule.when.role == EMBEDDING_ROLE:
        if rule.when.system_contains is not None:
            raise ValueError(f"{where}: a text to embed has no system message; remove system_contains")
        if rule.reply and not gives_vector:
            raise ValueError(f"{where}: the role {EMBEDDING_ROLE!r} needs an embedding as its reply, or a fault")


def _when(data: Any, where: str) -> When:
    _check_keys(data, tuple(one.name for one in fields(When)), where)
    when = When(**{name: _text(value, f"{where}, {name}") for name, value in data.items()})
    if when.regex is not None:
        try:
            compile_pattern(when.regex)
        except ValueError as error:
            raise ValueError(f"{where}, regex: {when.regex!r} is not a regular expression: {error}") from None
    return when


def _reply(data: Any, where: str) -> Reply:
    _check_keys(data, ("text", "json", "tool_calls", "embedding"), where)
    if not data:
        raise ValueError(f"{where}: a reply needs text, json, tool_calls or embedding")
    if "embedding" in data:
        if len(data) > 1:
            others = ", ".join(sorted(set(data) - {"embedding"}))
            raise ValueError(f"{where}: embedding cannot be combined with {others}; keep one")
        return Reply(embedding=_vector(data["embedding"], f"{where}, embedding"))
    if "text" in data and "json" in data:
        raise ValueError(f"{where}: text and json exclude each other; keep one")
    if not isinstance(data.get("text", ""), str):
        raise ValueError(f"{where}, text: {data['text']!r:.60} is not a string; quote it, or use json")
    text = _json_text(data["json"], f"{where}, json") if "json" in data else data.get("text", "")
    calls = data.get("tool_calls", [])
    if not isinstance(calls, (list, tuple)) or ("tool_calls" in data and not calls):
        raise ValueError(f"{where}, tool_calls: expected a list of {{name, arguments}}, not {calls!r:.60}")
    return Reply(text, tuple(_tool_call(call, f"{where}, tool call {number}") for number, call in enumerate(calls, 1)))


def _vector(data: Any, where: str) -> tuple[float, ...]:
    if not isinstance(data, (list, tuple)) or not data:
        raise ValueError(f"{where}: expected a list of numbers, not {data!r:.60}")
    for number in data:
        if not isinstance(number, (int, float)) or isinstance(number, bool) or not math.isfinite(number):
            raise ValueError(f"{where}: expected a list of numbers, but {number!r:.60} is none")
    return tuple(float(number) for number in data)


def _tool_call(data: Any, where: str) -> ToolCall:
    _check_keys(data, ("name", "arguments"), where)
    arguments = data.get("arguments", {})
    if not isinstance(arguments, Mapping):
        raise ValueError(f"{where}, arguments: expected a mapping, not {arguments!r:.60}")
    _json_text(arguments, f"{where}, arguments")
    return ToolCall(_text(data.get("name"), f"{where}, name"), dict(arguments))


def _usage(data: Any, where: str) -> Usage:
    names = tuple(one.name for one in fields(Usage))
    _check_keys(data, names, where)
    return Usage(*(_int(data.get(name), f"{where}, {name}", minimum=0) for name in names))


def _fault(data: Any, where: str) -> Fault:
    switches = ("reset", "malformed", "truncate")
    _check_keys(data, ("delay", "status", "retry_after", *switches), where)
    for name in switches:
        if data.get(name, True) is not True:
            raise ValueError(f"{where}, {name}: the only value is true; to have no fault, remove the key")
    status = _int(data["status"], f"{where}, status", minimum=400) if "status" in data else None
    if status is not None and status > 599:
        raise ValueError(f"{where}, status: an error status is 400 to 599, not {status}")
    if "retry_after" in data and status is None:
        raise ValueError(f"{where}: retry_after needs a status")
    fault = Fault(
        delay_s=_seconds(data["delay"], f"{where}, delay") if "delay" in data else 0.0,
        status=status,
        retry_after_s=_seconds(data["retry_after"], f"{where}, retry_after") if "retry_after" in data else None,
        **{name: True for name in switches if name in data},
    )
    if len(set(fault.names) - {"delay"}) > 1:
        raise ValueError(f"{where}: {' and '.join(fault.names)} exclude each other; keep one")
    if not fault.names:
        raise ValueError(f"{where}: a fault needs one of delay, status, {', '.join(switches)}")
    return fault


def _check_keys(data: Any, known: tuple[str, ...], where: str) -> None:
    if not isinstance(data, Mapping):
        raise ValueError(f"{where}: expected a mapping of {', '.join(known)}, not {data!r:.60}")
    for key in data:
        if key not in known:
            near = nearest(str(key), known)
            hint = f"did you mean {near!r}?" if near else f"known are {', '.join(known)}"
            raise ValueError(f"{where}: unknown key {key!r}; {hint}")


def _json_text(value: Any, where: str) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {value!r:.60} cannot be written as JSON: {error}") from None


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{where}: expected a string that is not empty, not {value!r:.60}")
    return value


def _int(value: Any, where: str, *, minimum: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
        raise ValueError(f"{where}: expected an integer of at least {minimum}, not {value!r:.60}")
    return value


def _seconds(value: Any, where: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)", value) if isinstance(value, str) else None
    if found:
        return float(found[1]) * _SECONDS[found[2]]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf:
        return float(value)
    raise ValueError(f"{where}: expected a duration like '2s' or '500ms', or seconds, not {value!r:.60}")
