"""The check of inputs that were run again from their crash points."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flink_testbed.ledger.entry import EffectCall
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.outputs import identity
from pytest_flink_agents.compare.input_runs import Aspect, CallDifferences, call_differences, run_differences
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.evidence.replays import InputRun, Replay, Replays, UndisturbedRun

NAME = "replay"
_NAMED = 20
_SHOWN_CHARACTERS = 160
_DERIVE = "derive the value from the input, or take it from a durable_execute"
_HELD = (
    "the agent depends on a random value, the time, or something that only its process held, such as a global: "
    f"{_DERIVE}; keep what later inputs need in short-term memory"
)
_NOT_DETERMINISTIC = (
    "a second undisturbed run differs, too, so the agent is not deterministic, or depends on the order of keys: "
    f"{_DERIVE}"
)
_DIFFERS = {
    Aspect.FAILURE: "fails",
    Aspect.OUTPUTS: "has other outputs",
    Aspect.MEMORY: "leaves another memory",
    Aspect.EVENTS: "has other events",
}
_ANYWHERE = "anywhere in its run, without an action state store"
_PROTECT = (
    "call it in a durable_execute, or send an Idempotency-Key that is derived from the input to an idempotent endpoint"
)
_NO_STORE = "without an action state store no call is recorded: add `actionStateStoreBackend: kafka` to config"
_CHANGED = f"its durable call had other arguments or another place than recorded: {_DERIVE}"


@dataclass(frozen=True, slots=True)
class _Deviation:
    """A finding in the making; those of equal ``group`` are shown once."""

    group: tuple[Any, ...]
    message: str
    next_step: str
    expected: Any
    seen: Any
    key: Any


def check_replays(path: tuple[str, ...], evidence: Evidence) -> CheckResult:
    """Return *invalid* if an input ended otherwise from a crash point than undisturbed.

    Also if its outputs in the scenario's own run were others than undisturbed: all replays share the
    values that the agent made at its import, and only these two runs imported it separately.
    Compared are outputs, memory, events and the calls to endpoints before and after the crash
    together. *Unknown* if a replay or the record of calls is missing. ``path`` is the place in the
    scenario that asks for it.
    """
    replays = evidence.replays
    if replays is None:
        return _unknown(path, ["nothing was replayed, because the run itself did not reach its end"])
    undisturbed = {run.input: run for run in replays.undisturbed}
    unnamed = _unnamed(replays.calls)
    calls: dict[tuple[int | None, int | None], list[EffectCall]] = {}
    # If some calls may belong to any replay, nothing is known of how often a call was made in each.
    for call in () if unnamed or replays.unknown else replays.calls:
        calls.setdefault((call.input, call.attempt), []).append(call)
    deviations = list(_undisturbed_deviations(replays, evidence))
    unasked: list[str] = []
    for replay in replays.replays:
        if replay.run is None:
            continue
        one = undisturbed[replay.input]
        deviations += _run_deviations(one, replay, replay.run, replays, evidence)
        first, again = (calls.get((replay.input, attempt), []) for attempt in (0, replay.attempt))
        crashed = first if replay.died is None else calls.get((replay.input, replay.died), [])
        # Without a store one replay stands for all crash points of its input.
        for cut in [replay.after] if replays.with_store else range(len(one.steps) + 1):
            before = [call for call in crashed if _before(call, cut)]
            found = call_differences(first, [*before, *again])
            moment = _moment(one, cut, replays)
            if begun := _begun(crashed, one, cut, replays):
                missing = call_differences(found.missing, begun).missing
                if len(missing) < len(found.missing) and not _asked(again):
                    unasked.append(_unasked_text(begun[0], one, moment))
                found = replace(found, missing=missing)
            deviations += _call_deviations(one, moment, found, replays.with_store)
    if deviations:
        return CheckResult(NAME, Validity.INVALID, _findings(path, deviations))
    doubts = [*_doubts(replays, len(evidence.input_keys), unnamed), *unasked]
    if unassigned := _unassigned(evidence):
        doubts.append(f"{unassigned} outputs of the scenario's own run do not say which input caused them")
    if doubts:
        return _unknown(path, doubts)
    return CheckResult(NAME, Validity.VALID, (Finding(f"{replays}{_in_flight(replays)}", path),))


def _in_flight(replays: Replays) -> str:
    """Return in words how many calls of the undisturbed run a crash could double, empty for none.

    Each durable call is one: nothing but its endpoint can protect the time until it is recorded.
    """
    calls = call_differences((), [call for call in replays.calls if call.attempt == 0 and call.durable]).other
    unprotected = sum(call.idempotency_key is None for call in calls)
    if not unprotected:
        return ""
    return (
        f"; {unprotected} of {len(calls)} durable calls have no Idempotency-Key, and would be made twice if a process died "
        "between the call and its record"
    )


def _unnamed(calls: Iterable[EffectCall]) -> list[EffectCall]:
    """Return the calls to endpoints that do not say which replay made them, and when."""
    return [call for call in calls if call.source == "effects" and None in (call.attempt, call.input, call.step)]


def _doubts(replays: Replays, inputs: int, unnamed: Sequence[EffectCall]) -> Iterable[str]:
    if replays.unknown:
        yield replays.unknown
    elif len(replays.undisturbed) != inputs:
        yield f"{len(replays.undisturbed)} of {inputs} inputs were run undisturbed"
    elif not replays.replays:
        yield "no crash point was replayed"
    for replay in replays.replays:
        if replay.run is None:
            yield f"input {replay.input} could not be replayed after step {replay.after}: {replay.problem}"
    if unnamed:
        yield (
            f"{_call_text(unnamed[0])} does not say which replay made it ({len(unnamed)} such calls): make it with requests, "
            "urllib or httpx on the action's thread or in a durable call"
        )


def _undisturbed_deviations(replays: Replays, evidence: Evidence) -> Iterable[_Deviation]:
    for one in replays.undisturbed:
        if _differs_undisturbed(one, evidence):
            yield _Deviation(
                (one.input, Aspect.OUTPUTS),
                f"{_whose(one)} {_DIFFERS[Aspect.OUTPUTS]} in a second undisturbed run",
                _NOT_DETERMINISTIC,
                [output.value for output in evidence.outputs if output.input == one.input],
                list(one.run.outputs),
                one.key,
            )


def _run_deviations(
    one: UndisturbedRun, replay: Replay, run: InputRun, replays: Replays, evidence: Evidence
) -> Iterable[_Deviation]:
    moment = _moment(one, replay.after, replays) if replays.with_store else _ANYWHERE
    for difference in run_differences(one.run, run):
        yield _Deviation(
            (one.input, difference.aspect),
            f"{_whose(one)} {_DIFFERS[difference.aspect]} if its process dies {moment}",
            _NOT_DETERMINISTIC if _differs_undisturbed(one, evidence) else _HELD,
            difference.expected,
            difference.seen,
            one.key,
        )


def _before(call: EffectCall, cut: int) -> bool:
    """Return whether a call was made before a crash right before the record after ``cut``.

    A durable call that this record would hold is left out: nothing can protect the time between a
    call and its record but the endpoint.
    """
    return call.step is not None and (call.step < cut or (call.step == cut and not call.durable))


def _begun(crashed: Iterable[EffectCall], one: UndisturbedRun, cut: int, replays: Replays) -> list[EffectCall]:
    """Return the calls that may have been made at a crash after ``cut`` records.

    They are those of a durable call whose begin is the last record. The endpoint has them, so a
    reconciler that asks it finds them made, and nothing is missing.
    """
    if not replays.with_store or not cut or one.steps[cut - 1].ended:
        return []
    return [call for call in crashed if call.durable and call.step == cut]


def _asked(again: Iterable[EffectCall]) -> bool:
    """Return whether a reconciler called an endpoint: its outcome is the first record of a replay."""
    return any(call.durable and call.step == 0 for call in again)


def _unasked_text(call: EffectCall, one: UndisturbedRun, moment: str) -> str:
    return (
        f"{_call_text(call)} is not made for {_whose(one)} if its process dies {moment}, and its reconciler called no "
        "endpoint: let it ask an endpoint of the scenario whether the call was made"
    )


def _unassigned(evidence: Evidence) -> int:
    return sum(output.input is None for output in evidence.outputs)


def _differs_undisturbed(one: UndisturbedRun, evidence: Evidence) -> bool:
    """Return whether the run of the scenario had other outputs for an input than its repetition.

    In any order, because only the repetition takes the inputs and their actions one by one.
    """
    if _unassigned(evidence):
        return False
    seen = sorted(_json(output.value) for output in evidence.outputs if output.input == one.input)
    return seen != sorted(_json(value) for value in one.run.outputs)


def _call_deviations(
    one: UndisturbedRun, moment: str, found: CallDifferences, with_store: bool
) -> Iterable[_Deviation]:
    whose = _whose(one)
    for call in found.repeated:
        advice = _PROTECT if not call.durable else _CHANGED if with_store else _NO_STORE
        text = f"{_call_text(call)} is made twice for {whose} if its process dies {moment}"
        yield _Deviation((one.input, "twice", _call_text(call)), text, advice, "1 call", "2 calls", one.key)
    for call in found.other:
        text = f"{_call_text(call)} is made only after a crash, for {whose}, {moment}"
        expected = [_call_text(other) for other in found.missing] or "no such call"
        yield _Deviation((one.input, "other", call.endpoint), text, _DERIVE, expected, _call_text(call), one.key)
    for call in () if found.other else found.missing:
        text = f"{_call_text(call)} is not made for {whose} if its process dies {moment}"
        yield _Deviation((one.input, "missing", _call_text(call)), text, _HELD, "1 call", "no call", one.key)


def _whose(one: UndisturbedRun) -> str:
    return f"input {one.input} of key {identity(one.key)}"


def _moment(one: UndisturbedRun, after: int, replays: Replays) -> str:
    """Return the time of a crash in words: after one record and before the next."""
    steps = one.steps
    if not replays.with_store:
        return f"after {steps[after - 1].text}" if after else "before the end of its first step"
    begin = f"after {steps[after - 1].text}" if after else "before anything of it is recorded"
    return f"{begin} and before {steps[after].text} is recorded" if 0 < after < len(steps) else begin


def _findings(path: tuple[str, ...], deviations: Sequence[_Deviation]) -> tuple[Finding, ...]:
    groups: dict[tuple[Any, ...], list[_Deviation]] = {}
    for deviation in deviations:
        groups.setdefault(deviation.group, []).append(deviation)
    findings = []
    for same in list(groups.values())[:_NAMED]:
        first = same[0]
        more = f" (and from {len(same) - 1} more crash points)" if len(same) > 1 else ""
        message = f"{first.message}{more}\n  next: {first.next_step}"
        findings.append(Finding(message, path, first.expected, first.seen, key=first.key))
    return tuple(findings)


def _unknown(path: tuple[str, ...], doubts: Sequence[str]) -> CheckResult:
    return CheckResult(NAME, Validity.UNKNOWN, tuple(Finding(doubt, path) for doubt in doubts[:_NAMED]))


def _call_text(call: EffectCall) -> str:
    text = f"{call.method} {call.path} of {call.endpoint}"
    body = "" if call.body is None else f" with {_json(call.body)}"
    return text + body if len(body) <= _SHOWN_CHARACTERS else text


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
