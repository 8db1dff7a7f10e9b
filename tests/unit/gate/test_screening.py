"""Screening: a failure may block after the scenario was shown to be stable, and is never a pass before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from pytest_flink_agents.gate import (
    FAILS_THE_SESSION,
    History,
    ItemResult,
    Outcome,
    Policy,
    ReasonKind,
    Rules,
    Screening,
    Verdict,
    decide,
    history_of,
)
from pytest_flink_agents.vocabulary import Tier


def ran(outcome: str = "passed", name: str = "refund", **fields: Any) -> ItemResult:
    defaults: dict[str, Any] = {"file": "s.yaml", "message": f"it {outcome}", "flink_version": "2.2.1"}
    return ItemResult(f"s::{name}", name, Outcome(outcome), Tier.EMBEDDED, **defaults | fields)


OTHER = ran(name="other")
LONG = History(sessions=20, stable=frozenset({"s::other"}))
STABLE = History(sessions=20, stable=frozenset({"s::other", "s::refund"}))


def under(history: History, *results: ItemResult, warn: bool = False, **rules: Any) -> Verdict:
    screening = Screening(3, may_promote=warn)
    policy = Policy(tiers=(Tier.EMBEDDED,), rules=Rules(screening=screening, **rules), history=history)
    return decide(results, policy, int(any(result.outcome in FAILS_THE_SESSION for result in results)))


def sessions(*words: str) -> list[list[ItemResult]]:
    return [[ran(word)] for word in words]


@pytest.mark.parametrize(
    ("earlier", "stable"),
    [
        ([], False),
        (sessions("passed", "passed"), False),
        (sessions("passed", "passed", "passed"), True),
        ([[ran(repeats=3)]], True),
        # A failure interrupts a row of passes, and does not end what was shown: it may be the code's.
        (sessions("passed", "failed", "passed", "passed"), False),
        (sessions("passed", "unknown", "passed", "passed"), False),
        (sessions("passed", "passed", "passed", "failed", "failed"), True),
        # Both answers of one code.
        (sessions("passed", "passed", "passed", "flaky"), False),
        (sessions("passed", "passed", "passed", "flaky", "passed", "passed", "passed"), True),
        # What did not run shows nothing.
        (sessions("passed", "not_run", "skipped", "passed", "waived", "passed"), True),
        ([[ran("flaky", tolerated=True, repeats=5)]], True),
        ([[ran(name="namesake")], *sessions("passed", "passed")], False),
    ],
)
def test_a_scenario_is_stable_after_a_row_of_passes(earlier: Sequence[Sequence[ItemResult]], stable: bool) -> None:
    history = history_of(earlier, 3)
    assert (history.sessions, "s::refund" in history.stable) == (len(earlier), stable)


@pytest.mark.parametrize(
    ("history", "result", "verdict"),
    [
        (STABLE, ran("failed"), "block"),
        (LONG, ran("failed"), "inconclusive"),
        (LONG, ran("flaky"), "inconclusive"),
        # Its own runs show it.
        (LONG, ran("failed", repeats=3), "block"),
        (LONG, ran("failed", repeats=2), "inconclusive"),
        (LONG, ran("failed", severity="warn"), "promote"),
        (History(), ran("failed"), "inconclusive"),
    ],
)
def test_a_failure_of_a_scenario_that_is_not_stable_is_inconclusive(
    history: History, result: ItemResult, verdict: str
) -> None:
    decided = under(history, OTHER, result)
    assert decided.verdict == verdict
    assert decide([OTHER, result], Policy(tiers=(Tier.EMBEDDED,)), 1).verdict == (
        "block" if result.outcome is Outcome.FAILED and result.severity == "block" else verdict
    )


@pytest.mark.parametrize(
    ("history", "results", "verdict"),
    [
        (LONG, [OTHER, ran("failed")], "promote"),
        (LONG, [OTHER, ran("flaky")], "promote"),
        (STABLE, [OTHER, ran("failed")], "block"),
        # Where no history is kept every scenario is new in every session.
        (History(), [OTHER, ran("failed")], "inconclusive"),
        (History(sessions=2), [OTHER, ran("failed")], "inconclusive"),
        # Nothing else verifies its requirement.
        (LONG, [OTHER, ran("failed", requirement="REQ-1")], "inconclusive"),
        (LONG, [ran(name="other", requirement="REQ-1"), ran("failed", requirement="REQ-1")], "promote"),
        # Other doubts are not about its stability.
        (LONG, [OTHER, ran("unknown")], "inconclusive"),
        (LONG, [OTHER, ran("not_run")], "inconclusive"),
        (LONG, [OTHER, ran("skipped")], "inconclusive"),
        (LONG, [OTHER, ran("failed", other_error="RuntimeError at call: boom")], "inconclusive"),
        # Nothing passed.
        (LONG, [ran("failed")], "inconclusive"),
    ],
)
def test_a_policy_may_make_it_a_warning(history: History, results: list[ItemResult], verdict: str) -> None:
    assert under(history, *results, warn=True).verdict == verdict


def test_a_warning_shows_nothing_that_the_policy_requires() -> None:
    failed = ran("failed", tags=("slo",))
    assert under(LONG, OTHER, failed, warn=True, tags=("slo",)).verdict == "inconclusive"
    decided = under(LONG, OTHER, failed, warn=True, requirements=("REQ-1",))
    assert decided.reasons[0].message == "require.requirements: REQ-1: not met: no run passed"


def test_what_is_not_stable_is_listed() -> None:
    decided = under(LONG, OTHER, ran("failed"), ran(name="new"), ran("skipped", name="later", severity="warn"))
    assert [(one.kind, one.rule, one.message) for one in decided.reasons] == [
        (ReasonKind.INCONCLUSIVE, "screening", "s::refund: it failed"),
        (ReasonKind.REMARK, "skipped", "s::later: it skipped"),
        (
            ReasonKind.REMARK,
            "screening",
            "not shown to be stable in 3 runs by 20 earlier sessions: s::refund and 1 more",
        ),
    ]


def test_a_plain_test_is_not_screened() -> None:
    plain = ItemResult("test_x.py::test_x", "test_x", Outcome.FAILED)
    assert under(LONG, OTHER, plain, warn=True).verdict == "block"
