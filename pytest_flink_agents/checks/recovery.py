"""The check of recovery: the time that a job takes after each fault until it works again."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_flink_agents.checks.bounds import Amount, Bounds, combined, judged_amount, number_text
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.job_counts import FORGOTTEN, restarts_amount
from pytest_flink_agents.evidence.history import Fault, history_of
from pytest_flink_agents.evidence.model import Evidence

NAME = "recovery"
_PATH = ("expect", "recovery")
_MILLISECONDS = 1000
_Judged = tuple[Validity, Finding | None]


@dataclass(frozen=True, slots=True)
class ExpectedRecovery:
    """The longest times after each fault, in seconds, and the largest number of restarts."""

    running_s: float | None = None
    first_output_s: float | None = None
    restarts: int | None = None


def check_recovery(expected: ExpectedRecovery, evidence: Evidence, *, forgotten: bool) -> CheckResult:
    """Return *invalid* if the job took too long after a fault, or restarted too often.

    *Unknown* if no fault was felt, or if the job also failed at another time after the first one:
    that may be a late effect of a fault. ``forgotten`` says that a killed JobManager took the record
    of earlier restarts with it.
    """
    felt = [fault for fault in history_of(evidence).faults if fault.felt]
    judged: list[_Judged] = []
    if not felt:
        judged.append((Validity.UNKNOWN, Finding("the job felt no fault, so it did not recover", _PATH)))
    elif expected.running_s is not None or expected.first_output_s is not None:
        judged += _other_failures(felt, evidence, forgotten=forgotten)
    if expected.running_s is not None:
        bounds = _at_most(expected.running_s, "running_within")
        judged += [_running(bounds, one, evidence) for one in felt]
    if expected.first_output_s is not None:
        bounds = _at_most(expected.first_output_s, "first_output_within")
        times = [output.at_s for output in evidence.outputs]
        known = sorted(at_s for at_s in times if at_s is not None)
        reason = "" if len(known) == len(times) else "the outputs have no times"
        judged += [_first_output(bounds, one, known, reason) for one in felt]
    if expected.restarts is not None:
        restarts = restarts_amount(evidence, forgotten=forgotten)
        judged.append(judged_amount(_at_most(expected.restarts, "max_restarts"), restarts))
    return combined(NAME, judged)


def recovery_amount(evidence: Evidence, *, forgotten: bool) -> Amount:
    """Return the longest time in seconds from a fault until all tasks ran again.

    It is not known if no fault was felt, if one was not seen to be over, or if the job also failed by itself.
    """
    name = "the longest time until all tasks ran again"
    felt = [fault for fault in history_of(evidence).faults if fault.felt]
    if not felt:
        return Amount(name, None, "the job felt no fault")
    doubts = [finding.message for _, finding in _other_failures(felt, evidence, forgotten=forgotten) if finding]
    interrupted = [fault for fault in felt if fault.interrupted]
    doubts += [f"not seen to run again after {_name(one)}" for one in interrupted if one.recovered_after_s is None]
    if doubts:
        return Amount(name, None, doubts[0])
    return Amount(name, round(max((one.recovered_after_s or 0.0 for one in interrupted), default=0.0), 1))


def _at_most(maximum: float, word: str) -> Bounds:
    return Bounds((*_PATH, word), maximum=maximum)


def _name(fault: Fault) -> str:
    """Return a fault and its moment in words."""
    return f'"{fault.name}" ({fault.trigger})'


def _other_failures(felt: Sequence[Fault], evidence: Evidence, *, forgotten: bool) -> list[_Judged]:
    """Return the doubt about failures that belong to no fault, or that nothing may know of."""
    if forgotten and not all(one.interrupted for one in felt):
        return [(Validity.UNKNOWN, Finding(f"the job may have failed unseen: {FORGOTTEN}", _PATH))]
    for exception in evidence.exceptions:
        at_s = exception.at_ms / _MILLISECONDS
        if at_s > felt[0].began_s and not any(fault.explains(at_s) for fault in felt):
            seconds = number_text(round(at_s - felt[0].began_s, 1))
            message = f"the job failed at another time, too, {seconds} s after {_name(felt[0])}: {exception.message}"
            return [(Validity.UNKNOWN, Finding(message, _PATH, "failures by the faults only", "another one"))]
    return []


def _running(bounds: Bounds, fault: Fault, evidence: Evidence) -> _Judged:
    if not fault.interrupted:
        return Validity.VALID, None
    if fault.recovered_after_s is not None:
        name = f"the time from {_name(fault)} until all tasks ran again"
        return judged_amount(bounds, Amount(name, round(fault.recovered_after_s, 1), unit=" s"))
    message = f"the job was not seen to run again after {_name(fault)}: {fault.detail}"
    finding = Finding(message, bounds.path, bounds.text, "not seen", missing=True)
    too_long = bounds.maximum is not None and fault.ended_s - fault.began_s > bounds.maximum
    return (Validity.INVALID if too_long or evidence.job_state == "FAILED" else Validity.UNKNOWN), finding


def _first_output(bounds: Bounds, fault: Fault, times: Sequence[float], reason: str) -> _Judged:
    """Judge the time until the first output that the job wrote after a fault.

    It lies between two times: the first output after the fault may come from a part of the job that
    had not yet noticed it, and the first one after all tasks ran again does not. ``times`` are those
    of all outputs, sorted; ``reason`` says why some are unknown.
    """
    name = f"the time from {_name(fault)} to the first output after it"
    first = _seconds_until(times, bisect.bisect_right(times, fault.began_s), fault)
    if reason or first is None:
        return judged_amount(bounds, Amount(name, None, reason or "no output came after it; give the job more inputs"))
    again = _seconds_until(times, bisect.bisect_left(times, fault.ended_s), fault)
    at_best = judged_amount(bounds, Amount(name, first, unit=" s"))
    if at_best[0] is Validity.INVALID:
        return at_best
    if again is not None and judged_amount(bounds, Amount(name, again))[0] is Validity.VALID:
        return Validity.VALID, None
    until = "none came later" if again is None else f"the next one after {number_text(again)} s"
    early = f"one came after {number_text(first)} s, before all tasks ran again, and {until}"
    return judged_amount(bounds, Amount(name, None, early))


def _seconds_until(times: Sequence[float], place: int, fault: Fault) -> float | None:
    return round(times[place] - fault.began_s, 3) if place < len(times) else None
