"""The promises of Flink and the engine, as one run with faults kept or broke them.

The checkers of ``delivery`` decide them, whether or not a scenario states it. A promise is kept only
if the run put it to the test: with a fault that was felt, and for a recovery with an interruption.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pytest_flink_agents.checks.delivery import EXACTLY_ONCE, check_output_delivery
from pytest_flink_agents.checks.finding import CheckResult, Validity
from pytest_flink_agents.checks.history.actions import no_completed_action_again
from pytest_flink_agents.checks.history.recovery import live_again, state_restored
from pytest_flink_agents.evidence.history import History, history_of
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.vocabulary import Promise, Standing

OUTPUTS, ACTIONS, STATE, LIVE = "outputs exactly once", "actions exactly once", "state restored", "live again"
_STANDINGS = {Validity.VALID: Standing.KEPT, Validity.INVALID: Standing.BROKEN, Validity.UNKNOWN: Standing.UNKNOWN}


def promises_of(evidence: Evidence, guarantee: str | None, per_input: int) -> tuple[Promise, ...]:
    """Return how each promise stands after a run, none if nothing was done to the run on purpose.

    ``guarantee`` is what the scenario states of its outputs, None if it says nothing of them.
    """
    if not evidence.steps:
        return ()
    history = history_of(evidence)
    promises = (
        _outputs(evidence, guarantee, per_input),
        _actions(history),
        _state(history),
        _live(evidence, history),
    )
    silent = next((step for step in evidence.steps if not step.felt), None)
    if silent is None:
        return promises
    return tuple(_kept_in_vain(promise, f'the step "{silent.act}" was not felt') for promise in promises)


def _outputs(evidence: Evidence, guarantee: str | None, per_input: int) -> Promise:
    if guarantee is None:
        return Promise(OUTPUTS, Standing.UNKNOWN, "the scenario does not state expect.delivery.outputs")
    if guarantee != EXACTLY_ONCE:
        return Promise(OUTPUTS, Standing.NOT_PROMISED, f"the scenario states {guarantee}")
    return _standing(OUTPUTS, check_output_delivery(guarantee, per_input, evidence))


def _actions(history: History) -> Promise:
    if history.actions is None and not history.actions_unknown:
        return Promise(ACTIONS, Standing.NOT_PROMISED, "the agent has no action state store")
    return _after_interruption(ACTIONS, history, no_completed_action_again(history))


def _state(history: History) -> Promise:
    promise = _after_interruption(STATE, history, state_restored(history))
    last = history.interruptions[-1] if history.interruptions else None
    if last is None or (history.restored_s is not None and history.restored_s >= last.at_s):
        return promise
    return _kept_in_vain(promise, f"no checkpoint had been completed before {last.cause}")


def _live(evidence: Evidence, history: History) -> Promise:
    """Return *broken* also for a job that a fault ended.

    If an action raised, the agent may be the reason.
    """
    promise = _after_interruption(LIVE, history, live_again(history))
    failure = evidence.failure
    ended = history.interruptions and evidence.job_state == "FAILED" and failure is not None and not failure.action
    if promise.standing is not Standing.UNKNOWN or not ended or failure is None:
        return promise
    last = history.interruptions[-1]
    return Promise(LIVE, Standing.BROKEN, f"the job failed for good after {last.cause}: {failure.words}")


def _after_interruption(name: str, history: History, result: CheckResult) -> Promise:
    promise = _standing(name, result)
    return promise if history.interruptions else _kept_in_vain(promise, "nothing interrupted the job")


def _kept_in_vain(promise: Promise, reason: str) -> Promise:
    """Return *unknown* for a promise that nothing put to the test."""
    return replace(promise, standing=Standing.UNKNOWN, reason=reason) if promise.standing is Standing.KEPT else promise


def _standing(name: str, result: CheckResult) -> Promise:
    standing = _STANDINGS[result.validity]
    reason = "" if standing is Standing.KEPT else next(_messages(result), "")
    return Promise(name, standing, reason)


def _messages(result: CheckResult) -> Iterator[str]:
    return (finding.message.partition("\n")[0] for finding in result.findings)
