"""The invariant of actions: one that had completed before an interruption is not executed again.

Three witnesses decide it: the calls in the ledger, the records of the action state store with the
times of the broker, and the moments at which the job lost its progress. A completed action has a
record. A restart reads the store to its end, so that every record from before the interruption is
covered; a record from between interruption and restart may have come too late.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from flink_testbed.ledger.entry import EffectCall
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.history.invariant import Invariant, Origin, invalid_if_any, unknown
from pytest_flink_agents.checks.history.repetitions import Repetition, call_text, repetitions
from pytest_flink_agents.checks.outputs import identity
from pytest_flink_agents.evidence.history import History, Interruption, RecordedAction

_PATH = ("expect", "delivery", "actions")
_EXPECTED = "no completed action executed again"


class _Action(NamedTuple):
    """All executions of an action for one input."""

    input: int
    name: str


def no_completed_action_again(history: History) -> CheckResult:
    """Return *invalid* if an action was executed again that had completed before an interruption.

    An action in flight is executed again by design: it is counted, in a finding of a *valid* result.
    Without a store a repeated effect of one input is *invalid*, and nothing else is known. If the
    records cannot be read, the calls prove what the order of a key's inputs shows. *Unknown* if a
    witness is incomplete, or if nothing was recorded.
    """
    missing = history.calls_unknown or history.actions_unknown
    if missing:
        doubt = _unknown(f"it is not known which actions were executed: {missing}")
        return invalid_if_any(Invariant.NO_REACTION, _ended_and_called_again(history), otherwise=doubt)
    repeated = list(repetitions(history))
    if history.actions is None:
        return _by_calls_alone(repeated)
    witnesses = _Witnesses(history)
    wrong = (*witnesses.completed_twice(), *witnesses.called_again())
    unnamed = next((one for one in repeated if one.again.input is None or one.again.action is None), None)
    if unnamed is not None and not wrong:
        return _unknown(f"{unnamed.text}, and the calls do not name their action: it may have been in flight")
    return invalid_if_any(Invariant.NO_REACTION, wrong, otherwise=_nothing_wrong(witnesses, history))


def _ended_and_called_again(history: History) -> Iterator[Finding]:
    """Yield the actions that called again after a later input of their key had begun.

    Engines handle one input of a key at a time, so these had ended, whatever the store holds.
    """
    if history.one_at_a_time and not history.calls_unknown:
        yield from _Witnesses(replace(history, actions=None)).called_again()


def _by_calls_alone(repeated: Sequence[Repetition]) -> CheckResult:
    """Judge a run without a store.

    Two inputs with the same content lead to the same call, so that a repetition proves something only if
    its calls name their input.
    """
    wrong = (
        Finding(_without_store(one.text), _PATH, _EXPECTED, one.seen, key=one.first.key)
        for one in repeated
        if one.first.input is not None
    )
    doubt = f"{repeated[0].text}, and may be of two inputs: the calls do not name theirs" if repeated else ""
    return invalid_if_any(
        Invariant.NO_REACTION, wrong, otherwise=_unknown(_without_store(doubt or "nothing is proven"))
    )


def _nothing_wrong(witnesses: _Witnesses, history: History) -> CheckResult:
    doubt = witnesses.missing_record()
    if not history.drained:
        doubt = "an action may still be executed again: the job did not read its inputs to the end"
    if not doubt and history.failures_unknown:
        doubt = f"an action may have been executed again after an unknown failure: {history.failures_unknown}"
    if doubt:
        return _unknown(doubt)
    return CheckResult(Invariant.NO_REACTION.value, Validity.VALID, tuple(witnesses.in_flight()))


def _unknown(message: str) -> CheckResult:
    return unknown(Invariant.NO_REACTION, Finding(message, _PATH, _EXPECTED))


def _without_store(text: str) -> str:
    return (
        f"{text}; the agent has no action state store, so actions since the last checkpoint are executed again: "
        "add config: {actionStateStoreBackend: kafka}"
    )


class _Witnesses:
    """Records and calls of a history by action."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._latest: dict[Interruption, Mapping[str, int]] = {}
        self._records: dict[_Action, list[RecordedAction]] = defaultdict(list)
        self._calls: dict[_Action, list[EffectCall]] = defaultdict(list)
        for record in history.actions or ():
            if record.input is not None and not record.state.removed:
                self._records[_Action(record.input, record.state.action)].append(record)
        for call in history.calls or ():
            if call.input is not None and call.action is not None:
                self._calls[_Action(call.input, call.action)].append(call)

    def completed_twice(self) -> Iterator[Finding]:
        """Yield the executions that have two records of their completion."""
        latest: dict[tuple[object, ...], RecordedAction] = {}
        for record in self._history.actions or ():
            state = record.state
            if not state.completed:
                continue
            execution = (state.job, identity(state.key), state.sequence, state.position, state.action)
            earlier = latest.get(execution)
            # A record that came too late excuses the next one only, not those after it.
            latest[execution] = record
            if earlier is not None and not self._may_have_come_too_late(earlier):
                yield self._twice(earlier, record)

    def called_again(self) -> Iterator[Finding]:
        """Yield the actions that called again after an interruption before which they had ended."""
        for action, calls in self._calls.items():
            for interruption in self._history.interruptions:
                again = next((call for call in calls if call.at_s > interruption.at_s), None)
                ended = self._ended_before(interruption, action) if again is not None else ""
                if again is not None and ended:
                    what = f"{action.name} of input {action.input}"
                    yield _finding(what, again.key, f"{ended} before {interruption.cause}", call_text(again))
                    break

    def in_flight(self) -> Iterator[Finding]:
        """Yield how many actions were in flight at each interruption, and were executed again."""
        for interruption in self._history.interruptions:
            names = [
                f"{action.name} of input {action.input}"
                for action, calls in self._calls.items()
                if any(call.at_s < interruption.at_s for call in calls)
                and any(call.at_s > interruption.at_s for call in calls)
            ]
            if names:
                yield Finding(f"in flight at {interruption.cause}: {len(names)} ({', '.join(names[:5])})", _PATH)

    def missing_record(self) -> str:
        """Return words on the first input with an output and without a completed action, empty if there is none."""
        completed = {record.input for record in self._history.actions or () if record.state.completed}
        if not completed:
            return "the action state store has no record of a completed action"
        silent = next((one for one in self._history.outputs if one.input not in completed), None)
        if silent is None:
            return ""
        return (
            f"input {silent.input} of key {identity(silent.key)} has an output, and the action state store has no record "
            "of its actions"
        )

    def _may_have_come_too_late(self, record: RecordedAction) -> bool:
        """Return whether a record is from between an interruption and the restart after it."""
        return any(one.at_s <= record.state.at_s < one.until_s for one in self._history.interruptions)

    def _ended_before(self, interruption: Interruption, action: _Action) -> str:
        """Return how it is known that all executions of an action had ended, empty if it is not."""
        records = self._records[action]
        before = [one for one in records if one.state.completed and one.state.at_s < interruption.at_s]
        # Another execution for the same input, by another event, may have been in flight.
        if self._history.drained and before and _executions(before) == _executions(records):
            return f"its completion was on record at offset {before[-1].state.offset}"
        begun = self._begun(interruption).get(self._key(action.input), action.input)
        called = any(call.at_s < interruption.at_s for call in self._calls[action])
        if before or not called or begun <= action.input:
            return ""
        without = "" if self._history.actions is None else " without a record"
        return f"it had ended{without}, as input {begun} of its key had begun,"

    def _key(self, number: int) -> str:
        inputs = self._history.inputs
        return identity(inputs[number].key) if number < len(inputs) else ""

    def _begun(self, interruption: Interruption) -> Mapping[str, int]:
        """Return the latest input of each key with an action before the interruption."""
        if interruption not in self._latest:
            calls = ((action.input, call.at_s) for action, each in self._calls.items() for call in each)
            records = ((action.input, one.state.at_s) for action, each in self._records.items() for one in each)
            latest: dict[str, int] = {}
            for number, at_s in (*calls, *records):
                if at_s < interruption.at_s:
                    key = self._key(number)
                    latest[key] = max(number, latest.get(key, number))
            self._latest[interruption] = latest
        return self._latest[interruption]

    def _twice(self, first: RecordedAction, again: RecordedAction) -> Finding:
        state = first.state
        between = (one for one in self._history.interruptions if state.at_s < one.at_s < again.state.at_s)
        interruption = next(between, None)
        after = f" before {interruption.cause}" if interruption else ""
        number = f"run {state.sequence}" if first.input is None else f"input {first.input}"
        return _finding(
            f"{state.action} of {number}",
            state.key,
            f"its completion was on record at offset {state.offset}{after}",
            f"a second record at offset {again.state.offset}",
        )


def _executions(records: list[RecordedAction]) -> set[tuple[str, str]]:
    return {(record.state.job, record.state.position) for record in records}


def _finding(action: str, key: Any, ended: str, again: str) -> Finding:
    message = (
        f"action {action} of key {identity(key)} was executed again after it had completed: {ended} and then came "
        f"{again}: {Origin.JOB} did not use the record"
    )
    return Finding(message, _PATH, _EXPECTED, again, key=key)
