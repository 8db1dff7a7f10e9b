"""Screening: only a failure of a scenario that was shown to be stable blocks. Pure.

A scenario that passes and fails on the same code says little about that code. Screening makes its failure doubtful
instead of a proof, and never a pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_flink_agents.gate.policy import History, Policy
from pytest_flink_agents.gate.result import ItemResult, Outcome
from pytest_flink_agents.gate.rules import works


def history_of(sessions: Iterable[Sequence[ItemResult]], runs: int) -> History:
    """Return what earlier sessions, the oldest first, show of each scenario.

    A scenario is stable after ``runs`` runs that passed one after the other, until it passes and fails in one session.
    A failure alone does not end that: it may be the code's.
    """
    count, passed, stable = 0, dict[str, int](), set[str]()
    for results in sessions:
        count += 1
        for result in results:
            if works(result):
                passed[result.node_id] = passed.get(result.node_id, 0) + result.repeats
            elif result.outcome in (Outcome.FAILED, Outcome.FLAKY, Outcome.UNKNOWN):
                passed[result.node_id] = 0
            if passed.get(result.node_id, 0) >= runs:
                stable.add(result.node_id)
            elif result.outcome is Outcome.FLAKY and not result.tolerated:
                stable.discard(result.node_id)
    return History(count, frozenset(stable))


def is_screened(result: ItemResult, policy: Policy) -> bool:
    """Return whether a scenario was not shown to be stable, by the history or by the runs of its ``repeat``."""
    screening = policy.rules.screening
    if screening is None or result.tier is None:
        return False
    return result.repeats < screening.runs and result.node_id not in policy.history.stable


def may_warn(result: ItemResult, policy: Policy, results: Sequence[ItemResult]) -> bool:
    """Return whether the policy makes the failure of a screened scenario a warning.

    Not without a history: without one every scenario would always be new. And not if it is the only one that
    verifies its requirement.
    """
    screening = policy.rules.screening
    if screening is None or not screening.may_promote or policy.history.sessions < screening.runs:
        return False
    return not result.requirement or any(works(one) and one.requirement == result.requirement for one in results)
