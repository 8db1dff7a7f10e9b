"""The check of a delivery guarantee: of outputs, of actions, or of both."""

from __future__ import annotations

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.history.actions import no_completed_action_again
from pytest_flink_agents.checks.history.invariant import together
from pytest_flink_agents.checks.history.outputs import in_order, no_phantom, nothing_doubled, nothing_lost
from pytest_flink_agents.checks.history.recovery import live_again, old_attempts_fenced, state_restored
from pytest_flink_agents.evidence.history import history_of
from pytest_flink_agents.evidence.model import Evidence

NAME = "delivery"
EXACTLY_ONCE, AT_LEAST_ONCE = "exactly_once", "at_least_once"
_PATH = ("expect", "delivery", "outputs")


def check_action_delivery(evidence: Evidence) -> CheckResult:
    """Return *invalid* if a completed action was executed again, or if an old attempt still acts.

    Attempts are judged only if calls carry them.
    """
    history = history_of(evidence)
    results = [no_completed_action_again(history), old_attempts_fenced(history)]
    return together(NAME, [one for one in results if one is not None])


def check_delivery(guarantee: str, per_input: int, evidence: Evidence) -> CheckResult:
    """Return *invalid* if outputs are lost, duplicated or out of order.

    A job that was interrupted must have restored its last checkpoint and gone on. Missing outputs of a
    run that was stopped or failed are *unknown*; everything is, if outputs do not name their inputs.
    """
    outputs = check_output_delivery(guarantee, per_input, evidence)
    if any(output.input is None for output in evidence.outputs):
        return outputs
    history = history_of(evidence)
    return together(NAME, [outputs, state_restored(history), live_again(history)])


def check_output_delivery(guarantee: str, per_input: int, evidence: Evidence) -> CheckResult:
    """Return *invalid* if outputs are lost, duplicated or out of order, whatever the job did meanwhile.

    An output is lost if its input led to fewer than ``per_input`` outputs, and duplicated if to
    more. Under ``at_least_once`` duplicates are allowed, and the first output of each input counts
    for the order.
    """
    silent = next((output for output in evidence.outputs if output.input is None), None)
    if silent is not None:
        message = "the outputs do not name the input that led to them"
        finding = Finding(message, _PATH, "outputs with their input number", silent.value, key=silent.key)
        return CheckResult(NAME, Validity.UNKNOWN, (finding,))
    history = history_of(evidence)
    results = [no_phantom(history), in_order(history), nothing_lost(history, per_input)]
    if guarantee == EXACTLY_ONCE:
        results.insert(1, nothing_doubled(history, per_input))
    return together(NAME, results)
