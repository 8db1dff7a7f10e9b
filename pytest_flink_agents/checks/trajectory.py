"""The check of a trajectory: the events and tool calls of each key, as the event log has them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_flink_agents.checks.bounds import CUT_SHORT
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.input_runs import input_runs, log_doubt
from pytest_flink_agents.checks.outputs import identity
from pytest_flink_agents.checks.pairing import largest_pairing
from pytest_flink_agents.checks.step_pairing import step_pairs, steps_in
from pytest_flink_agents.checks.trajectory_steps import (
    Entry,
    Match,
    StepKind,
    Trajectory,
    TrajectoryStep,
    entries_by_key,
    is_cut,
)
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.vocabulary import TOOL_REQUEST_EVENT, Engine

NAME = "trajectory"
_PATH = ("expect", "trajectory")
# The engines that this package starts; a job's own program chooses another word.
_OWN_ENGINES = (Engine.BUNDLED.value, Engine.UPSTREAM.value)
_NAMED, _FINDINGS = 5, 10
_SHOWN_EVENTS = 60
_CUT = "the event log cut long values of this key; set event-log.level: VERBOSE"


@dataclass(frozen=True, slots=True)
class _Deviation:
    """A finding; ``repeated`` if events that a restart repeats would explain it.

    ``doubt`` is the reason for which it proves nothing in any run, empty if there is none.
    """

    finding: Finding
    repeated: bool = False
    doubt: str = ""


def check_trajectories(expected: Sequence[Trajectory], evidence: Evidence) -> CheckResult:
    """Return *invalid* if the events of a key are not the expected ones.

    *Unknown* if events are missing from the log, if the log does not have their keys or no event of
    a key, if a part that the log cut may explain the difference, if a restart may have repeated
    events, or if steps are missing from a run that a deadline cut short.
    """
    doubt = _doubt(expected, evidence)
    if doubt:
        return CheckResult(NAME, Validity.UNKNOWN, (Finding(doubt, _PATH, "the events of the run", "nothing"),))
    by_key = entries_by_key(evidence)
    if by_key is None:
        finding = Finding("the event log does not have the keys of the events", _PATH, "events with keys", "no key")
        return CheckResult(NAME, Validity.UNKNOWN, (finding,))
    # A job that failed may not have begun the inputs of a key.
    failed = evidence.failure is not None or evidence.job_state == "FAILED"
    found = (
        (_compare(trajectory, key, entries) if entries or failed else [_silent(trajectory, key)], entries)
        for trajectory in expected
        for key in _keys(trajectory, evidence)
        for entries in [by_key.get(identity(key), [])]
    )
    return _result(found, evidence)


def _result(found: Iterable[tuple[list[_Deviation], Sequence[Entry]]], evidence: Evidence) -> CheckResult:
    wrong: list[Finding] = []
    doubtful: list[Finding] = []
    for deviations, entries in found:
        # Only then, because it looks at every value.
        cut = bool(deviations) and any(entry.is_unreadable or is_cut(entry.event.attributes) for entry in entries)
        for deviation in deviations:
            reason = _excuse(deviation, evidence, cut=cut)
            if reason:
                doubtful.append(_with(deviation.finding, reason))
            else:
                wrong.append(deviation.finding)
        if len(wrong) >= _FINDINGS:
            break
    shown = tuple([*wrong, *doubtful][:_FINDINGS])
    if wrong:
        return CheckResult(NAME, Validity.INVALID, shown)
    if not doubtful and (begun := _not_all_begun(evidence)):
        return CheckResult(NAME, Validity.UNKNOWN, (Finding(begun, _PATH, "the events of all inputs", "fewer"),))
    return CheckResult(NAME, Validity.UNKNOWN if doubtful or not evidence.complete else Validity.VALID, shown)


def _not_all_begun(evidence: Evidence) -> str:
    """Return why inputs of a job that was stopped may have no events yet, empty for every other job."""
    doubt = input_runs(evidence)[1] if evidence.stopped else ""
    return f"the job was stopped when its outputs had come, and {doubt}" if doubt else ""


def _excuse(deviation: _Deviation, evidence: Evidence, *, cut: bool) -> str:
    """Return the reason for which a deviation proves nothing, empty if there is none."""
    if deviation.doubt:
        return deviation.doubt
    if deviation.finding.missing and not evidence.complete:
        return CUT_SHORT
    if deviation.finding.missing and (doubt := _not_all_begun(evidence)):
        return doubt
    if deviation.repeated and evidence.restarts:
        return f"the job restarted {evidence.restarts} times, and a restart repeats events"
    if cut:
        return _CUT
    return ""


def _with(finding: Finding, reason: str) -> Finding:
    message = f"{finding.message} ({reason})"
    return Finding(message, finding.path, finding.expected, finding.seen, finding.key, finding.missing)


def _silent(trajectory: Trajectory, key: Any) -> _Deviation:
    """Return the doubt about a key without any event: each input leaves at least its input event."""
    message = f"the event log has no event of key {identity(key)}"
    finding = Finding(message, trajectory.path, "an input event", "no event", key=key, missing=True)
    return _Deviation(finding, doubt="the log is incomplete, or no input has this key")


def _doubt(expected: Sequence[Trajectory], evidence: Evidence) -> str:
    """Return the reason for which the event log cannot be judged, empty if there is none."""
    if not evidence.started:
        return "the job did not start in time, so there is no event"
    if doubt := log_doubt(evidence):
        return doubt
    if not evidence.input_keys and not all(trajectory.of_one_key for trajectory in expected):
        return "the keys of the inputs are not known; name the key of each trajectory"
    if evidence.events:
        return ""
    if evidence.engine not in _OWN_ENGINES:
        return "no event was logged: the job has no agent, or its log is on another machine or of another engine"
    return "no event was logged: the log is missing, or the job has no agent"


def _keys(trajectory: Trajectory, evidence: Evidence) -> Iterable[Any]:
    if trajectory.of_one_key:
        return [trajectory.key]
    return {identity(key): key for key in evidence.input_keys}.values()


def _compare(trajectory: Trajectory, key: Any, entries: Sequence[Entry]) -> list[_Deviation]:
    found = _forbidden(trajectory.never, key, entries)
    if not trajectory.steps:
        return found
    if trajectory.match is Match.IN_ORDER:
        return [*found, *_in_order(trajectory, key, entries)]
    if trajectory.match is Match.AT_LEAST:
        return [*found, *_at_least(trajectory, key, entries)]
    # These account for every event; if all steps are about tools, for every tool request.
    only_tools = all(step.kind is not StepKind.EVENT for step in trajectory.steps)
    counted = [entry for entry in entries if entry.event.type == TOOL_REQUEST_EVENT] if only_tools else list(entries)
    if trajectory.match is Match.EXACT:
        return [*found, *_exact(trajectory, key, counted)]
    return [*found, *_unordered(trajectory, key, counted)]


def _forbidden(never: Sequence[TrajectoryStep], key: Any, entries: Sequence[Entry]) -> list[_Deviation]:
    found = []
    for step in never:
        seen = next((entry for entry in entries if step.occurs_in(entry)), None)
        if seen is not None:
            message = f"key {identity(key)}: {step.text} occurred, which must not happen"
            found.append(_Deviation(Finding(message, step.path, f"no {step.text}", seen.text, key=key)))
            continue
        hiding = next((entry for entry in entries if step.may_hide_in(entry)), None)
        if hiding is not None:
            message = f"key {identity(key)}: {step.text} may have occurred, which must not happen"
            found.append(_Deviation(Finding(message, step.path, f"no {step.text}", hiding.text, key=key), doubt=_CUT))
    return found


def _exact(trajectory: Trajectory, key: Any, entries: Sequence[Entry]) -> list[_Deviation]:
    steps = trajectory.steps
    for number, (step, entry) in enumerate(zip(steps, entries, strict=False), 1):
        if not step.fits(entry):
            message = f"key {identity(key)}: step {number} is not as expected{step.nearest([entry])}"
            return [_Deviation(_beside(message, step.path, trajectory, key, entries), repeated=True)]
    if len(entries) < len(steps):
        message = f"key {identity(key)}: step {len(entries) + 1} never came"
        return [_Deviation(_beside(message, steps[len(entries)].path, trajectory, key, entries, missing=True))]
    if len(entries) > len(steps):
        message = f"key {identity(key)}: {len(entries) - len(steps)} more came after the last step"
        return [_Deviation(_beside(message, (*trajectory.path, "events"), trajectory, key, entries), repeated=True)]
    return []


def _in_order(trajectory: Trajectory, key: Any, entries: Sequence[Entry]) -> list[_Deviation]:
    """Find the steps one after the other.

    Taking as many steps as possible from each event never makes a later step unreachable.
    """
    done = 0
    for entry in entries:
        done += steps_in(trajectory.steps[done:], entry)
    if done == len(trajectory.steps):
        return []
    step = trajectory.steps[done]
    after = f" after step {done}" if done else ""
    message = f"key {identity(key)}: step {done + 1} never came{after}{step.nearest(entries)}"
    return [_Deviation(_beside(message, step.path, trajectory, key, entries, missing=True))]


def _at_least(trajectory: Trajectory, key: Any, entries: Sequence[Entry]) -> list[_Deviation]:
    pairs = step_pairs(trajectory.steps, entries)
    return _never_came(trajectory.steps, pairs, key, entries)


def _unordered(trajectory: Trajectory, key: Any, entries: Sequence[Entry]) -> list[_Deviation]:
    """Compare as multisets; with ``at_most`` steps may be missing."""
    steps = trajectory.steps
    pairs = largest_pairing(len(steps), len(entries), lambda left, right: steps[left].fits(entries[right]))
    taken = set(pairs.values())
    surplus = (entry for number, entry in enumerate(entries) if number not in taken)
    found = [
        _Deviation(
            Finding(
                f"key {identity(key)}: an event or call too many",
                (*trajectory.path, "events"),
                "\n".join(step.text for step in steps),
                entry.text,
                key=key,
            ),
            repeated=True,
        )
        for entry in itertools.islice(surplus, _NAMED)
    ]
    if trajectory.match is Match.UNORDERED:
        found += _never_came(steps, pairs, key, entries)
    return found


def _never_came(
    steps: Sequence[TrajectoryStep], pairs: Mapping[int, int], key: Any, entries: Sequence[Entry]
) -> list[_Deviation]:
    """Return a finding for each step without a partner in ``pairs``."""
    return [
        _Deviation(
            Finding(
                f"key {identity(key)}: {step.text} never came{step.nearest(entries)}",
                step.path,
                step.text,
                "\n".join(_texts(entries)),
                key=key,
                missing=True,
            )
        )
        for number, step in enumerate(steps)
        if number not in pairs
    ]


def _beside(
    message: str,
    path: tuple[str | int, ...],
    trajectory: Trajectory,
    key: Any,
    entries: Sequence[Entry],
    *,
    missing: bool = False,
) -> Finding:
    expected, seen = "\n".join(step.text for step in trajectory.steps), "\n".join(_texts(entries))
    return Finding(message, path, expected, seen, key=key, missing=missing)


def _texts(entries: Sequence[Entry]) -> list[str]:
    """Return the first events as text, and the number of the others."""
    shown = [entry.text for entry in entries[:_SHOWN_EVENTS]]
    return [*shown, f"... {len(entries) - _SHOWN_EVENTS} more"] if len(entries) > _SHOWN_EVENTS else shown
