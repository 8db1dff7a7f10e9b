"""The reasons that the result of one item gives. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_flink_agents.gate.policy import Policy
from pytest_flink_agents.gate.reason import Reason, ReasonKind
from pytest_flink_agents.gate.result import ItemResult, Outcome
from pytest_flink_agents.gate.screening import is_screened, may_warn

# Outcomes of an item that did what its scenario says.
_AS_EXPECTED = (Outcome.PASSED, Outcome.NOT_APPLICABLE, Outcome.WAIVED)
# Severities whose scenarios may fail; any other word counts like block.
LOWERED = ("warn", "info")
# Outcomes that a scenario which is not stable may have on sound code.
_UNSTABLE = (Outcome.FAILED, Outcome.FLAKY)
_RULES = {
    Outcome.FLAKY: "flaky",
    Outcome.UNKNOWN: "could not judge",
    Outcome.NOT_RUN: "could not run",
    Outcome.SKIPPED: "skipped",
}


def result_reasons(results: Sequence[ItemResult], policy: Policy) -> list[Reason]:
    """Return a reason for each result that is not as expected, and remarks on those that do not count."""
    reasons = [_reason(result, policy, results) for result in results if _needs_a_reason(result)]
    return [*reasons, *_screened([result for result in results if result.tier], policy), *_skipped_tests(results)]


def _needs_a_reason(result: ItemResult) -> bool:
    # A plain test that is skipped is a remark; a skipped scenario was required and did not run.
    as_expected = result.outcome in _AS_EXPECTED or (result.outcome is Outcome.SKIPPED and result.tier is None)
    return not as_expected or bool(result.other_error)


def _reason(result: ItemResult, policy: Policy, results: Sequence[ItemResult]) -> Reason:
    failed_rule = "scenarios" if result.tier else "tests"
    severity = _severity(result, policy)
    kind, rule = _kind(result, severity), _RULES.get(result.outcome, failed_rule)
    if result.outcome in _UNSTABLE and kind is not ReasonKind.REMARK and is_screened(result, policy):
        warns = not result.other_error and may_warn(result, policy, results)
        kind, rule = ReasonKind.REMARK if warns else ReasonKind.INCONCLUSIVE, "screening"
    return Reason(
        kind=kind,
        rule=rule,
        severity=severity,
        message=f"{result.node_id}: {_message(result)}",
        actual=result.outcome.value,
        limit=Outcome.PASSED.value,
        evidence=result.evidence,
        node_id=result.node_id,
    )


def _screened(scenarios: Sequence[ItemResult], policy: Policy) -> list[Reason]:
    """Return a remark that lists the scenarios whose failure does not block."""
    found = [result.node_id for result in scenarios if result.ran and is_screened(result, policy)]
    if not found or policy.rules.screening is None:
        return []
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    sessions = f"{policy.history.sessions} earlier session{'s' if policy.history.sessions != 1 else ''}"
    message = f"not shown to be stable in {policy.rules.screening.runs} runs by {sessions}: {found[0]}{more}"
    return [Reason(ReasonKind.REMARK, "screening", "info", message, found, [])]


def _message(result: ItemResult) -> str:
    """Return the message of a result, and the error of another part of the session if that is another one."""
    if result.message and result.other_error.endswith(result.message):
        return result.message
    return "; ".join(filter(None, (result.message, result.other_error)))


def _kind(result: ItemResult, severity: str) -> ReasonKind:
    """Return the effect of a result that is not as expected.

    Severity and tolerance are about the scenario. They do not excuse the error of another part of the session.
    """
    if severity not in LOWERED and not result.tolerated:
        return ReasonKind.BLOCK if result.outcome is Outcome.FAILED else ReasonKind.INCONCLUSIVE
    return ReasonKind.INCONCLUSIVE if result.other_error else ReasonKind.REMARK


def _severity(result: ItemResult, policy: Policy) -> str:
    """Return the severity of a result: the scenario's, or a lower one that all its failed checks have."""
    failed = {check.check for run in result.failed_runs for check in run.checks}
    severities = {policy.rules.severities.get(check, "block") for check in failed}
    if result.severity in LOWERED or not severities or "block" in severities:
        return result.severity
    return "warn" if "warn" in severities else "info"


def _skipped_tests(results: Sequence[ItemResult]) -> list[Reason]:
    skipped = [result for result in results if result.outcome is Outcome.SKIPPED and result.tier is None]
    if not skipped:
        return []
    more = f" and {len(skipped) - 1} more" if len(skipped) > 1 else ""
    message = f"skipped or expected to fail: {skipped[0].node_id}{more}"
    return [Reason(ReasonKind.REMARK, "tests", "info", message, len(skipped), 0)]
