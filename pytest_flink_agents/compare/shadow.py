"""A candidate in the shadow of a baseline: what it did with the same inputs, and what differs. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from flink_agents_runtime.engine.action_record import key_text
from flink_testbed.ledger.entry import EffectCall, History
from flink_testbed.ledger.recording import HELD_BACK
from pytest_flink_agents.compare.input_runs import as_json
from pytest_flink_agents.compare.sides import NOTHING, AllowRule, compare_keys
from pytest_flink_agents.evidence.model import Output
from pytest_flink_agents.evidence.replays import InputRun
from pytest_flink_agents.evidence.upgrade import ShadowDifference

# A report shows and stores so many differences.
_MOST = 200


@dataclass(frozen=True, slots=True)
class ShadowSide:
    """The committed outputs and the calls of one version; ``calls`` is None if the scenario has no endpoints."""

    outputs: Sequence[Output]
    calls: History | None = None


@dataclass(frozen=True, slots=True)
class ShadowComparison:
    """The comparison of two versions on the same inputs.

    ``outputs`` and ``calls`` count those of the candidate; ``doubts`` say why a difference may be missing, ``remarks`` which
    rules allowed nothing. ``ahead`` is True if a call of the candidate was refused that the baseline made later.
    """

    differences: tuple[ShadowDifference, ...] = ()
    doubts: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    outputs: int = 0
    calls: int = 0
    ahead: bool = False


def compare_shadow(
    baseline: ShadowSide, candidate: ShadowSide, inputs: range, rules: Sequence[AllowRule]
) -> ShadowComparison:
    """Compare what two versions did with the ``inputs``, key by key, without the places that rules allow.

    Of an earlier input, which was at work at the savepoint, the candidate has the last outputs of the baseline, or none. A
    call of its that was refused is a difference, unless the baseline made it later.
    """
    served = replace(baseline, outputs=_as_far_as(baseline.outputs, candidate.outputs, inputs))
    found = compare_keys(_runs(served, inputs), _runs(candidate, inputs), rules)
    rows = [
        ShadowDifference(row.key, f"{row.record} {row.place}".strip(), row.baseline, row.candidate)
        for row in found.rows
    ]
    refused = [call for call in _effects(candidate) if call.fault == HELD_BACK]
    # Only as often as the candidate made them in all: one more is a difference.
    made = Counter((call.input, call.content) for call in _effects(baseline))
    made_twice = Counter((call.input, call.content) for call in _effects(candidate)) - made
    ahead = [call for call in refused if made[call.input, call.content] and not made_twice[call.input, call.content]]
    rows += late_calls(call for call in refused if call.input not in inputs and call not in ahead)
    # What a candidate lacks is often the consequence of what it did.
    rows.sort(key=lambda row: row.candidate == NOTHING)
    unused = [rule.text for rule in rules if rule.text not in found.used]
    return ShadowComparison(
        tuple(rows[:_MOST]),
        tuple(_doubts(baseline, candidate)),
        tuple(f"allow: {text} matched nothing" for text in unused),
        outputs=len([output for output in candidate.outputs if output.input in inputs]),
        calls=len(_calls(candidate, inputs)),
        ahead=bool(ahead),
    )


def _runs(side: ShadowSide, inputs: range) -> Mapping[str, InputRun]:
    """Return what happened to each key: all outputs in order, and the calls of the inputs in order for each endpoint."""
    outputs: dict[str, list[object]] = {}
    for output in side.outputs:
        outputs.setdefault(key_text(output.key), []).append(output.value)
    effects: dict[str, list[dict[str, object]]] = {}
    for call in sorted(_calls(side, inputs), key=lambda call: call.endpoint):
        data = {"endpoint": call.endpoint, "method": call.method, "path": call.path, "body": call.body}
        effects.setdefault(key_text(call.key), []).append({**data, "query": dict(call.query)} if call.query else data)
    return {
        key: InputRun(outputs=tuple(outputs.get(key, ())), effects=tuple(effects.get(key, ())))
        for key in dict.fromkeys((*outputs, *effects))
    }


def _calls(side: ShadowSide, inputs: range) -> list[EffectCall]:
    return [call for call in _effects(side) if call.input in inputs]


def _effects(side: ShadowSide) -> Iterable[EffectCall]:
    return [call for call in side.calls.entries if call.source == "effects"] if side.calls else ()


def _as_far_as(outputs: Sequence[Output], shown: Sequence[Output], inputs: range) -> list[Output]:
    """Return the outputs of the inputs; of an earlier one the last ones, as many as are ``shown`` of it."""
    too_many = Counter(output.input for output in outputs) - Counter(output.input for output in shown)
    found = []
    for output in outputs:
        if output.input not in inputs and too_many[output.input] > 0:
            too_many[output.input] -= 1
        else:
            found.append(output)
    return found


def late_calls(calls: Iterable[EffectCall]) -> Iterable[ShadowDifference]:
    """Yield the calls that no call of the baseline stands beside."""
    for call in calls:
        text = as_json({"method": call.method, "path": call.path, "body": call.body})
        yield ShadowDifference(key_text(call.key), f"effect of {call.endpoint}", NOTHING, text)


def late_outputs(outputs: Iterable[Output]) -> Iterable[ShadowDifference]:
    """Yield the outputs that no output of the baseline stands beside."""
    for output in outputs:
        yield ShadowDifference(key_text(output.key), "output", NOTHING, as_json(output.value))


def _doubts(baseline: ShadowSide, candidate: ShadowSide) -> Iterable[str]:
    for whose, side in (("baseline", baseline), ("candidate", candidate)):
        if any(output.input is None for output in side.outputs):
            yield f"outputs of the {whose} do not name their inputs"
        if side.calls is not None and side.calls.unknown:
            yield f"calls of the {whose} may be missing: {side.calls.unknown}"
        if any(call.input is None for call in _effects(side)):
            yield f"calls of the {whose} do not name their inputs"
