"""The check of a scenario's run beside that of a baseline: nothing differs but what may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flink_testbed.ledger.entry import EffectCall
from pytest_flink_agents.checks.bounds import CUT_SHORT
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.input_runs import input_runs, log_doubt
from pytest_flink_agents.checks.outputs import identity
from pytest_flink_agents.checks.trajectory_steps import Entry, entries_by_key, is_cut
from pytest_flink_agents.checks.usage import COMPLETION_TOKENS, PROMPT_TOKENS
from pytest_flink_agents.compare.input_runs import COMPARED_ELSEWHERE, Aspect, as_json
from pytest_flink_agents.compare.sides import NOTHING, AllowRule, Comparison, Row, compare_keys, shown
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.evidence.replays import InputRun
from pytest_flink_agents.scenario.scrub import ScrubPath, scrubbed
from pytest_flink_agents.vocabulary import INPUT_EVENT, TOOL_REQUEST_EVENT, counted

NAME = "compare"
_PATH = ("compare",)
# Tool calls are compared on their own.
_WITHOUT_CONTENT = COMPARED_ELSEWHERE | {TOOL_REQUEST_EVENT}
_NO_KEY = "no key"
_RESTARTED = "the job of the {} restarted, and a restart repeats calls and events"
# Another prompt has another length.
_TOKENS = [ScrubPath(key=PROMPT_TOKENS), ScrubPath(key=COMPLETION_TOKENS)]
# Rules for all that a record has.
_WHOLE = frozenset(("outputs[*].value", "effects[*].body", "tool_calls[*].args", "events[*].attributes"))
# A report shows and stores so many differences of one comparison.
_ROWS = 200


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two runs: its name, and its evidence, or why there is none."""

    name: str
    evidence: Evidence | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison, and the evidence of its baseline, None if there is none."""

    comparison: Comparison
    baseline: Evidence | None


def compare_sides(
    baseline: Side, candidate: Side, rules: Sequence[AllowRule] = (), *, stored: bool = False
) -> Comparison:
    """Return two runs of the same inputs side by side; ``stored`` says that the baseline's inputs must be proven to be.

    A key's outputs, tool calls, effects, memory and events are compared. Whatever the evidence does not have of one of the
    runs is a doubt, except the memory, which is compared if both have it.
    """
    names = (baseline.name, candidate.name)
    before, after = baseline.evidence, candidate.evidence
    if before is None or after is None:
        problems = tuple(side.problem for side in (baseline, candidate) if side.evidence is None)
        return Comparison(*names, doubts=problems)
    if doubt := _not_comparable(before, after, stored=stored):
        return Comparison(*names, doubts=(doubt,))
    doubts, remarks = _doubts(before, after), tuple(_not_compared(before, after))
    with_events, with_effects = not any(each.of_events for each in doubts), not any(each.of_effects for each in doubts)
    sides = [
        _keys(each, with_events=with_events, with_effects=with_effects, with_memory=not remarks)
        for each in (before, after)
    ]
    found = compare_keys(sides[0], sides[1], rules)
    rows = [*_failure_row(after), *found.rows] if after.failure and not before.failure else list(found.rows)
    # What a failed run lacks proves nothing beside its failure.
    lacking = [row for row in rows if row.candidate == NOTHING and not row.place] if after.failure else []
    rows = [row for row in rows if row not in lacking]
    if lacking and not rows:
        doubts.append(_Doubt(f"the failed candidate lacks {counted(len(lacking), 'record')} of the baseline"))
    whole = _WHOLE & found.used
    unused = [rule.text for rule in rules if rule.text not in found.used and not (remarks and rule.of_memory)]
    return Comparison(
        *names,
        keys=len(set(sides[0]) | set(sides[1])),
        differing=len({row.key for row in rows}),
        rows=tuple(rows[:_ROWS]),
        left_out=max(0, len(rows) - _ROWS),
        allowed=tuple(rule.text for rule in rules if rule.text in found.used),
        remarks=(
            *remarks,
            *(f"allow: {text} matched nothing" for text in unused),
            *(f"allow: {rule.text} leaves only the number of them compared" for rule in rules if rule.text in whole),
        ),
        doubts=tuple(dict.fromkeys(each.text for each in doubts)),
    )


def check_comparison(comparison: Comparison) -> CheckResult:
    """Return *invalid* if something differs that may not, *unknown* if something that may differ is not known."""
    message = f"{comparison.candidate} beside {comparison.baseline}: {comparison.summary}"
    if comparison.rows:
        return CheckResult(NAME, Validity.INVALID, (Finding(message, _PATH),))
    if comparison.doubts:
        findings = [Finding(f"the runs cannot be compared: {doubt}", _PATH) for doubt in comparison.doubts]
        return CheckResult(NAME, Validity.UNKNOWN, tuple(findings))
    remarks = [Finding(remark, (*_PATH, "allow")) for remark in comparison.remarks]
    return CheckResult(NAME, Validity.VALID, (Finding(message, _PATH), *remarks))


@dataclass(frozen=True, slots=True)
class _Doubt:
    text: str
    of_events: bool = False
    of_effects: bool = False


def _not_comparable(before: Evidence, after: Evidence, *, stored: bool) -> str:
    """Return why nothing of two runs can be compared, empty if something can."""
    if list(map(identity, before.input_keys)) != list(map(identity, after.input_keys)):
        counts = (len(before.input_keys), len(after.input_keys))
        other = "their keys differ" if counts[0] == counts[1] else f"{counts[0]}, and {counts[1]} here"
        return f"the baseline had other inputs: {other}"
    if stored and (not _inputs(after) or _inputs(before) != _inputs(after)):
        return "the event logs do not show that the baseline had the same inputs"
    for whose, evidence in (("baseline", before), ("candidate", after)):
        if not evidence.complete:
            return f"the {whose} missed its deadline, and {CUT_SHORT}"
        if evidence.failure is None and evidence.job_state != "FINISHED" and not evidence.stopped:
            return f"the end of the {whose} is not known: {evidence.job_state or 'no state'}"
        if evidence.effects_unknown:
            return f"calls of the {whose} may be missing: {evidence.effects_unknown}"
    if before.failure and (after.failure is None or after.failure.words != before.failure.words):
        return f"the baseline failed: {before.failure.words}"
    # Whatever differs may be the baseline's fault.
    return _RESTARTED.format("baseline") if before.restarts else ""


def _inputs(evidence: Evidence) -> list[str]:
    return sorted(
        as_json([event.key, dict(event.attributes)]) for event in evidence.events if event.type == INPUT_EVENT
    )


def _doubts(before: Evidence, after: Evidence) -> list[_Doubt]:
    found = [doubt for pair in (("baseline", before), ("candidate", after)) for doubt in _doubts_of(*pair)]
    if (before.effects is None) != (after.effects is None):
        found.append(_Doubt("only one of the runs has a record of its effects", of_effects=True))
    return found


def _doubts_of(whose: str, evidence: Evidence) -> Iterator[_Doubt]:
    if evidence.restarts:
        yield _Doubt(_RESTARTED.format(whose), True, True)
        return
    # A failed run has no events of the inputs behind the one that failed.
    lost, (_, doubt) = log_doubt(evidence), input_runs(evidence)
    if lost or (doubt and not evidence.failure):
        yield _Doubt(f"the events of the {whose} are not all known: {lost or doubt}", of_events=True)
        return
    entries = entries_by_key(evidence)
    if entries is None:
        yield _Doubt(f"the event log of the {whose} does not have the keys of the events", of_events=True)
        return
    if any(entry.is_unreadable or is_cut(entry.event.attributes) for each in entries.values() for entry in each):
        yield _Doubt(f"the event log of the {whose} is cut: remove the option event-log.level", of_events=True)


def _not_compared(before: Evidence, after: Evidence) -> Iterator[str]:
    if before.memory is not None and after.memory is not None:
        return
    yield "the memory is not compared: one of the runs has none; a stored one has it if compare or expect.memory asked for it"


def _failure_row(evidence: Evidence) -> Iterator[Row]:
    failure = evidence.failure
    if failure is not None:
        key = identity(failure.key) if failure.action and failure.located else _NO_KEY
        yield Row(key, Aspect.FAILURE.value, "", "", NOTHING, shown(failure.words))


def _keys(evidence: Evidence, *, with_events: bool, with_effects: bool, with_memory: bool) -> dict[str, InputRun]:
    """Return what happened to each key, all its inputs together."""
    outputs: dict[str, list[object]] = {identity(key): [] for key in evidence.input_keys}
    for output in evidence.outputs:
        outputs.setdefault(identity(output.key), []).append(output.value)
    entries = (entries_by_key(evidence) or {}) if with_events else {}
    effects = _effects(evidence) if with_effects else {}
    memory = {identity(one.key): one.values for one in evidence.memory or ()} if with_memory else {}
    return {
        key: InputRun(
            outputs=tuple(outputs.get(key, ())),
            events=tuple(map(_event, entries.get(key, ()))),
            memory=memory.get(key, {}),
            tool_calls=tuple(
                {"name": call.name, "args": call.arguments} for entry in entries.get(key, ()) for call in entry.calls
            ),
            effects=tuple(effects.get(key, ())),
        )
        for key in dict.fromkeys((*outputs, *entries, *effects, *memory))
    }


def _event(entry: Entry) -> tuple[str, object]:
    event = entry.event
    return event.type, None if event.type in _WITHOUT_CONTENT else scrubbed(dict(event.attributes), _TOKENS)


def _effects(evidence: Evidence) -> Mapping[str, list[dict[str, object]]]:
    """Return the calls of each key, in order for each endpoint: calls to several endpoints may overlap."""
    found: dict[str, list[dict[str, object]]] = {}
    for call in sorted((call for call in evidence.effects or () if call.source == "effects"), key=_endpoint):
        key = (
            evidence.input_keys[0]
            if call.key is None and len(set(map(identity, evidence.input_keys))) == 1
            else call.key
        )
        data = {"endpoint": call.endpoint, "method": call.method, "path": call.path, "body": call.body}
        found.setdefault(_NO_KEY if key is None else identity(key), []).append(
            {**data, "query": dict(call.query)} if call.query else data
        )
    return found


def _endpoint(call: EffectCall) -> str:
    return call.endpoint
