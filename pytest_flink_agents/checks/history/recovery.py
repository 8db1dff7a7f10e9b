"""The invariants of a recovery: state restored, live again, old attempts fenced."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from pytest_flink_agents.checks.finding import CheckResult, Finding
from pytest_flink_agents.checks.history.invariant import Invariant, Origin, invalid, invalid_if_any, unknown, valid
from pytest_flink_agents.checks.history.repetitions import call_text
from pytest_flink_agents.checks.outputs import identity
from pytest_flink_agents.evidence.history import History, Interruption

_OUTPUTS, _ACTIONS = ("expect", "delivery", "outputs"), ("expect", "delivery", "actions")
# A job that restarts this often without any progress will not make any.
_VAIN_RESTARTS = 3


def state_restored(history: History) -> CheckResult:
    """Return *invalid* if the job began anew although a checkpoint had been completed.

    Flink shows its last restore, so that the last interruption is judged. *Unknown* if the job was
    not seen to begin again after it, or if checkpoints of unknown times may have been completed
    before it.
    """
    last = history.interruptions[-1] if history.interruptions else None
    if last is None or (history.restored_s is not None and history.restored_s >= last.at_s):
        return valid(Invariant.STATE)
    # Flink restores no savepoint by itself.
    before = [one for one in history.checkpoints if one.completed_s < last.at_s and not one.savepoint]
    if before and not _began_again(history, last):
        message = f"it is not known if the job restored checkpoint {before[-1].id}: nothing came after {last.cause}"
        return unknown(Invariant.STATE, Finding(message, _OUTPUTS))
    if before:
        message = (
            f"the job began anew after {last.cause}, although checkpoint {before[-1].id} had been completed before: "
            f"{Origin.JOB} did not restore it"
        )
        expected = f"a restore of checkpoint {before[-1].id}"
        return invalid(Invariant.STATE, Finding(message, _OUTPUTS, expected, "no restore since then"))
    if history.unseen_checkpoints:
        message = (
            f"it is not known if a checkpoint had been completed before {last.cause}, after which none was restored"
        )
        return unknown(Invariant.STATE, Finding(message, _OUTPUTS))
    return valid(Invariant.STATE)


def _began_again(history: History, last: Interruption) -> bool:
    """Return whether anything shows that the job ran after an interruption and its recovery.

    A recovery that was never seen to end, and a job that failed for good, restore nothing: that is no
    fresh start.
    """
    outputs = (one.at_s for one in history.outputs if one.at_s is not None)
    calls = (one.at_s for one in history.calls or ())
    records = (one.state.at_s for one in history.actions or ())
    checkpoints = (one.completed_s for one in history.checkpoints)
    return history.finished or any(at_s > last.until_s for at_s in chain(outputs, calls, records, checkpoints))


def live_again(history: History) -> CheckResult:
    """Return *invalid* if the job restarts again and again without a new output or checkpoint.

    *Unknown* if the run was cut short before anything new came after the last interruption.
    """
    if history.drained or not history.interruptions:
        return valid(Invariant.LIVENESS)
    times = [output.at_s for output in history.outputs if output.at_s is not None]
    progress_s = max([*times, *(one.completed_s for one in history.checkpoints)], default=0.0)
    vain = [one for one in history.interruptions if one.at_s > progress_s]
    if len(vain) >= _VAIN_RESTARTS:
        message = (
            f"the job was interrupted {len(vain)} times without a new output or checkpoint, the last time by "
            f"{vain[-1].cause}: {Origin.JOB} does not recover"
        )
        return invalid(Invariant.LIVENESS, Finding(message, _OUTPUTS, "a new output or checkpoint", "none"))
    if vain:
        message = f"nothing new came after {vain[-1].cause} before the end of the run"
        return unknown(Invariant.LIVENESS, Finding(message, _OUTPUTS, "a new output or checkpoint", "none"))
    return valid(Invariant.LIVENESS)


def old_attempts_fenced(history: History) -> CheckResult | None:
    """Return *invalid* if an attempt made a call after a later attempt at the key had begun.

    Only calls that carry their attempt are judged, of jobs that were interrupted. None if there is no
    such call, so that nothing is said of attempts: no engine sends them by itself.
    """
    if all(call.attempt is None for call in history.calls or ()):
        return None
    return invalid_if_any(Invariant.FENCED, _late_calls(history), otherwise=valid(Invariant.FENCED))


def _late_calls(history: History) -> Iterator[Finding]:
    latest: dict[str, int] = {}
    for call in history.calls or () if history.interruptions else ():
        if call.attempt is None:
            continue
        key = identity(call.key)
        newest = latest[key] = max(call.attempt, latest.get(key, 0))
        if call.attempt < newest:
            message = (
                f"attempt {call.attempt} of key {key} made {call_text(call)} after attempt {newest} had begun: "
                f"{Origin.JOB} did not fence it"
            )
            yield Finding(message, _ACTIONS, f"no call of an attempt before {newest}", call_text(call), key=call.key)
