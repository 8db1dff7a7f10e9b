"""The check of the calls that a job made to the outside."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flink_testbed.ledger.entry import EffectCall
from pytest_flink_agents.checks.bounds import CUT_SHORT, Amount, Bounds, Path, combined, judged_amount
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.outputs import Matches, identity
from pytest_flink_agents.evidence.model import Evidence

NAME = "effects"
_SOURCE = "effects"
_NAMED_CALLS, _NAMED = 3, 5
_SHOWN_CHARACTERS = 160
_Judged = tuple[Validity, Finding | None]


@dataclass(frozen=True, slots=True)
class Part:
    """The expected value of one part of each call: its JSON body, text, query or path."""

    word: str
    path: Path
    matcher: Matches


@dataclass(frozen=True, slots=True)
class ExpectedCalls:
    """The expected calls of one endpoint; ``path`` is their place.

    ``none`` allows no call at all. ``ordered`` means that the calls of a key come in the order of
    its inputs.
    """

    path: Path
    endpoint: str
    none: bool = False
    count: Bounds | None = None
    per_input: Bounds | None = None
    each: tuple[Part, ...] = ()
    ordered: bool = False


def check_effects(expected: Sequence[ExpectedCalls], evidence: Evidence) -> CheckResult:
    """Return *invalid* if the calls of an endpoint are not the expected ones.

    Counted are the calls that had an effect: not those that a status of 400 or more refused, and not a
    repetition that an idempotent endpoint recognised. *Unknown* without the whole record of calls,
    and for counts of inputs if the calls do not name their input.
    """
    if evidence.effects is None or evidence.effects_unknown:
        reason = evidence.effects_unknown or "no ledger recorded them"
        finding = Finding(f"the calls are not known: {reason}", ("expect", "effects"), "every call", "unknown")
        return CheckResult(NAME, Validity.UNKNOWN, (finding,))
    judged = [one for each in expected for one in _judged(each, evidence)]
    return combined(NAME, judged)


def _judged(expected: ExpectedCalls, evidence: Evidence) -> Iterable[_Judged]:
    calls = [call for call in evidence.effects or () if call.source == _SOURCE and call.endpoint == expected.endpoint]
    if expected.none:
        yield from _none(expected, calls, evidence)
        return
    counted = [_with_cause(call, evidence) for call in calls if has_effect(call)]
    if expected.count is not None:
        yield _count(expected, expected.count, counted, _not_counted(calls), evidence)
    if expected.per_input is not None:
        yield from _per_input(expected, expected.per_input, counted, evidence)
    if expected.each:
        yield from _each(expected, calls, evidence)
    if expected.ordered:
        yield from _ordered(expected, counted, evidence)


def has_effect(call: EffectCall) -> bool:
    """Return whether the endpoint did the work of a call."""
    return call.accepted and not call.replayed


def _with_cause(call: EffectCall, evidence: Evidence) -> EffectCall:
    """Return the call with its input, which the only input of a run is without being named."""
    if call.input is None and len(evidence.input_keys) == 1:
        return dataclasses.replace(call, input=0, key=evidence.input_keys[0])
    if call.key is None and call.input is not None and call.input < len(evidence.input_keys):
        return dataclasses.replace(call, key=evidence.input_keys[call.input])
    return call


def _none(expected: ExpectedCalls, calls: Sequence[EffectCall], evidence: Evidence) -> Iterable[_Judged]:
    if calls:
        call = _with_cause(calls[0], evidence)
        message = (
            f"{expected.endpoint} was called {_times(len(calls))}, which must not happen: {_caused(calls, evidence)}"
        )
        yield Validity.INVALID, Finding(message, expected.path, "no call", _text(call), key=call.key)
    elif not evidence.complete:
        yield Validity.UNKNOWN, Finding(f"{expected.endpoint} was not called, and {CUT_SHORT}", expected.path)


def _not_counted(calls: Sequence[EffectCall]) -> str:
    """Return a remark on the calls that had no effect, empty if all had one."""
    repeated, refused = sum(call.replayed for call in calls), sum(not call.accepted for call in calls)
    words = [f"{repeated} repeated with its Idempotency-Key"] if repeated else []
    words += [f"{refused} refused"] if refused else []
    return f" (not counted: {', '.join(words)})" if words else ""


def _count(
    expected: ExpectedCalls, bounds: Bounds, calls: Sequence[EffectCall], not_counted: str, evidence: Evidence
) -> _Judged:
    name = f"the number of calls of {expected.endpoint}"
    amount = Amount(name, len(calls), CUT_SHORT, final=evidence.complete, unit=not_counted)
    validity, finding = judged_amount(bounds, amount)
    if validity is not Validity.INVALID or finding is None or finding.missing:
        return validity, finding
    worst = _largest_group(calls)
    message = f"{expected.endpoint} was called {_times(len(calls))}: {_caused(worst, evidence)}"
    seen = "\n".join(map(_text, worst[:_NAMED_CALLS]))
    return validity, Finding(message, finding.path, f"calls: {finding.expected}", seen, key=worst[0].key)


def _largest_group(calls: Sequence[EffectCall]) -> list[EffectCall]:
    """Return the most calls of one input; if they name none, of one body."""
    groups: dict[Any, list[EffectCall]] = {}
    for call in calls:
        groups.setdefault(call.body_digest if call.input is None else call.input, []).append(call)
    largest = max(groups.values(), key=len)
    return largest if len(largest) > 1 else list(calls)


def _caused(calls: Sequence[EffectCall], evidence: Evidence) -> str:
    """Return a sentence on calls: the input that they name, and the calls themselves."""
    named = [_with_cause(call, evidence) for call in calls[:_NAMED_CALLS]]
    shown = " and ".join(_text(call) for call in named)
    more = f" and {len(calls) - _NAMED_CALLS} more" if len(calls) > _NAMED_CALLS else ""
    inputs = {call.input for call in named}
    if len(inputs) == 1 and named[0].input is not None:
        return f"input {named[0].input} of key {identity(named[0].key)} led to {shown}{more}"
    return f"{shown}{more}"


def _per_input(
    expected: ExpectedCalls, bounds: Bounds, calls: Sequence[EffectCall], evidence: Evidence
) -> Iterable[_Judged]:
    numbers = range(len(evidence.input_keys))
    silent = next((call for call in calls if call.input not in numbers), None)
    if silent is not None:
        message = f"{_text(silent)} of {expected.endpoint} does not name its input"
        next_step = "send the headers X-Flink-Agents-Input and X-Flink-Agents-Key"
        yield Validity.UNKNOWN, Finding(message, bounds.path, next_step, "no input")
        return
    by_input: dict[int, list[EffectCall]] = {number: [] for number in numbers}
    for call in calls:
        by_input[call.input or 0].append(call)
    found: list[tuple[Validity, Finding, list[EffectCall]]] = []
    for number, of_input in by_input.items():
        name = f"the number of calls of {expected.endpoint} for input {number}"
        amount = Amount(name, len(of_input), CUT_SHORT, evidence.complete, evidence.input_keys[number])
        validity, finding = judged_amount(bounds, amount)
        if finding is not None:
            found.append((validity, finding, of_input))
    # What is wrong comes first: a run that was cut short has doubts about many inputs.
    found.sort(key=lambda one: one[0] is not Validity.INVALID)
    for validity, finding, of_input in found[:_NAMED]:
        cause = f": {_caused(of_input, evidence)}" if of_input else ""
        yield validity, dataclasses.replace(finding, message=f"{finding.message}{cause}")


def _each(expected: ExpectedCalls, calls: Sequence[EffectCall], evidence: Evidence) -> Iterable[_Judged]:
    yield from _some_call(expected, "each", calls, evidence)
    wrong = (_unlike(expected, call, part, evidence) for call in calls for part in expected.each)
    for finding in itertools.islice(filter(None, wrong), _NAMED):
        yield Validity.INVALID, finding


def _unlike(expected: ExpectedCalls, call: EffectCall, part: Part, evidence: Evidence) -> Finding | None:
    """Return a finding if a part of a call is not as expected."""
    key = _with_cause(call, evidence).key
    if part.word == "json" and call.is_text:
        message = f"{_text(call)} of {expected.endpoint} has a body that is not JSON"
        return Finding(message, part.path, "a body that is JSON", call.body, key=key)
    deviations = part.matcher.match(_parts(call)[part.word])
    if not deviations:
        return None
    first = deviations[0]
    place = ".".join(map(str, first.at)) or part.word
    message = f"{_text(call)} of {expected.endpoint} is not as expected at {place}"
    return Finding(message, part.path, first.expected_text, first.seen, key=key)


def _some_call(
    expected: ExpectedCalls, word: str, calls: Sequence[EffectCall], evidence: Evidence
) -> Iterable[_Judged]:
    """Yield a judgement if there is no call, or if more may come: a statement on each says nothing then."""
    path = (*expected.path, word)
    if not evidence.complete:
        yield Validity.UNKNOWN, Finding(f"more calls of {expected.endpoint} may come: {CUT_SHORT}", path)
    elif not calls:
        message = f"{expected.endpoint} was never called, so no call is as expected"
        yield Validity.INVALID, Finding(message, path, "at least one call", "none", missing=True)


def _ordered(expected: ExpectedCalls, calls: Sequence[EffectCall], evidence: Evidence) -> Iterable[_Judged]:
    yield from _some_call(expected, "order", calls, evidence)
    latest: dict[str, EffectCall] = {}
    for call in calls:
        if call.input is None:
            message = f"{_text(call)} of {expected.endpoint} does not name its input"
            yield Validity.UNKNOWN, Finding(message, (*expected.path, "order"), "calls with their input", "no input")
            return
        key = identity(call.key)
        before = latest.get(key)
        if before is not None and call.input < (before.input or 0):
            message = (
                f"calls of {expected.endpoint} out of order: for key {key}, input {call.input} after {before.input}"
            )
            seen = f"{_text(before)}\n{_text(call)}"
            order = f"input {call.input} before input {before.input}"
            yield Validity.INVALID, Finding(message, (*expected.path, "order"), order, seen, key=call.key)
            return
        latest[key] = call


def _parts(call: EffectCall) -> Mapping[str, Any]:
    text = call.body if call.is_text else None
    return {"json": call.body, "text": text, "query": dict(call.query), "path": call.path}


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _text(call: EffectCall) -> str:
    """Return a call in a few words; its body whole or not at all."""
    body = "" if call.body is None else json.dumps(call.body, ensure_ascii=False, default=str)
    shown = f" {body}" if len(body) <= _SHOWN_CHARACTERS else f" (a body of {len(body)} characters)"
    return f"call {call.sequence} ({call.method} {call.path}{shown if body else ''})"
