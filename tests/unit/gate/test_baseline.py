"""Figures beside those of an earlier session: worse, not worse, or not known."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pytest_flink_agents.gate import (
    Baseline,
    Figure,
    Increase,
    ItemResult,
    Outcome,
    Policy,
    ReasonKind,
    Rules,
    Verdict,
    decide,
)
from pytest_flink_agents.vocabulary import Engine, Tier

TENTH = Increase("baseline[0].tokens", "tokens", share=0.1, tags=("slo",))


def ran(tokens: float | None = 100, outcome: str = "passed", name: str = "refund", **fields: Any) -> ItemResult:
    figures = {"tokens": Figure(tokens, "" if tokens is not None else "no metrics")}
    defaults = {"engine": "bundled", "file": "s.yaml", "figures": figures, "tags": ("slo",), "flink_version": "2.2.1"}
    return ItemResult(f"s::{name}", name, Outcome(outcome), **{"tier": Tier.EMBEDDED, **defaults, **fields})


def compared(before: list[ItemResult] | None, now: list[ItemResult], *rules: Increase) -> Verdict:
    baseline = None if before is None else Baseline("old/report.json", "sha256:0", tuple(before))
    policy = Policy("production", (Tier.EMBEDDED,), rules=Rules(increases=rules or (TENTH,)), baseline=baseline)
    return decide(now, policy)


def answer(verdict: Verdict) -> tuple[str, str, str]:
    (rule,) = verdict.rules
    return verdict.verdict.value, rule.answer.value, rule.seen


OPEN = {"tokens": Figure(100, "cut short", final=False)}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (ran(), ran(110), ("promote", "met", "100 -> 110 in s::refund")),
        (ran(), ran(90), ("promote", "met", "100 -> 90 in s::refund")),
        (ran(), ran(110.5), ("block", "not met", "100 -> 110.5 in s::refund")),
        (ran(0), ran(0), ("promote", "met", "0 -> 0 in s::refund")),
        (ran(0), ran(1), ("block", "not met", "0 -> 1 in s::refund")),
        (ran(None), ran(), ("inconclusive", "unknown", "not known in s::refund: no metrics")),
        (ran(), ran(None), ("inconclusive", "unknown", "not known in s::refund: no metrics")),
        (ran(figures={}), ran(), ("inconclusive", "unknown", "not known in s::refund: the baseline recorded none")),
        (ran(), ran(figures={}), ("inconclusive", "unknown", "not known in s::refund: the run recorded none")),
        # A figure that may be larger: of this session it may break the rule, of the baseline it only allows more.
        (ran(), ran(figures=OPEN), ("inconclusive", "unknown", "not known in s::refund: cut short")),
        (ran(50), ran(figures=OPEN), ("block", "not met", "50 -> 100 in s::refund")),
        (ran(figures=OPEN), ran(105), ("promote", "met", "100 -> 105 in s::refund")),
        (ran(figures=OPEN), ran(200), ("inconclusive", "unknown", "not known in s::refund: cut short")),
        (
            ran(outcome="failed"),
            ran(),
            ("inconclusive", "unknown", "not known in s::refund: it is failed in the baseline"),
        ),
        (
            ran(engine=Engine.UPSTREAM),
            ran(),
            ("inconclusive", "unknown", "not known in s::refund: the baseline had the engine upstream, not bundled"),
        ),
        (
            ran(repeats=5),
            ran(repeats=2),
            ("inconclusive", "unknown", "not known in s::refund: the largest of 5 runs in the baseline, of 2 here"),
        ),
        (
            ran(real_model=True),
            ran(),
            ("inconclusive", "unknown", "not known in s::refund: a real model answered in the baseline only"),
        ),
        (ran(repeats=2), ran(repeats=5), ("promote", "met", "100 -> 100 in s::refund")),
        # It has lost the tag that the rule is about.
        (ran(), ran(200, tags=()), ("block", "not met", "100 -> 200 in s::refund")),
        (ran(tags=()), ran(200, tags=("other",)), ("inconclusive", "unknown", "no run to compare")),
    ],
)
def test_an_increase_is_judged_by_both_figures(
    before: ItemResult, now: ItemResult, expected: tuple[str, str, str]
) -> None:
    assert answer(compared([before], [now])) == expected


def test_an_amount_is_added_and_a_rounding_error_is_no_increase() -> None:
    amount = Increase("baseline[0].cost", "cost", amount=0.2)
    before, now = (ran(figures={"cost": Figure(value)}) for value in (0.1, 0.1 + 0.2))
    assert compared([before], [now], amount).verdict == "promote"
    assert compared([before], [ran(figures={"cost": Figure(0.301)})], amount).verdict == "block"


def test_runs_that_failed_as_announced_are_compared_too() -> None:
    other = ran(name="other")
    for fields in ({"outcome": "waived"}, {"outcome": "failed", "severity": "warn"}):
        assert compared([ran(), other], [ran(200, **fields), other]).verdict == "block"


def test_a_scenario_of_one_session_only_is_unknown() -> None:
    new = compared([ran()], [ran(), ran(name="new")])
    assert answer(new) == ("inconclusive", "unknown", "not known in s::new: the baseline does not have it")
    gone = compared([ran(), ran(name="gone")], [ran()])
    assert answer(gone) == ("inconclusive", "unknown", "not known in s::gone: it did not run in this session")
    skipped = ran(name="gone", outcome="skipped", figures={}, severity="warn")
    assert answer(compared([ran(), ran(name="gone")], [ran(), skipped])) == answer(gone)
    # Neither ran it.
    assert compared([ran(), skipped], [ran(), skipped]).verdict == "promote"


def test_without_a_baseline_a_rule_is_unknown() -> None:
    assert answer(compared(None, [ran()])) == (
        "inconclusive",
        "unknown",
        "no baseline was given: add --flink-baseline=RUN",
    )


def test_recovery_is_compared_in_runs_with_faults_only() -> None:
    rule = Increase("baseline[0].recovery", "recovery", amount=5)
    calm, broken = ran(name="calm"), ran(figures={"recovery": Figure(10)})
    slower = dataclasses.replace(broken, figures={"recovery": Figure(15.5)})
    assert compared([calm, broken], [calm, broken], rule).verdict == "promote"
    assert answer(compared([calm, broken], [calm, slower], rule)) == ("block", "not met", "10 -> 15.5 s in s::refund")
    healed = dataclasses.replace(broken, figures={})
    assert compared([calm, broken], [calm, healed], rule).verdict == "inconclusive"


def test_another_kind_of_session_is_named() -> None:
    here = Tier.LOCAL
    before = [ran(), ran(name="gone"), ran(name="other", flink_version="2.2.0", engine="upstream")]
    now = [ran(), ran(name="new", tier=here), ran(name="other")]
    remarks = [one.message for one in compared(before, now).reasons if one.kind is ReasonKind.REMARK]
    assert remarks == [
        "the baseline old/report.json: it ran on embedded, this session on embedded, local",
        "the baseline old/report.json: 1 scenario run is not in it: s::new",
        "the baseline old/report.json: 1 of its scenario runs is not here: s::gone",
        "the baseline old/report.json: 1 scenario run had another engine: s::other",
        "the baseline old/report.json: 1 scenario run had another Flink version: s::other",
    ]


def test_figures_are_shown_without_a_rule() -> None:
    verdict = decide([ran(120)], Policy(tiers=(Tier.EMBEDDED,), baseline=Baseline("old", "sha256:0", (ran(),))))
    assert [reason.message for reason in verdict.reasons] == ["the baseline old: no rule of a policy compares with it"]
    (tokens,) = [each for each in verdict.compared if each.word == "tokens"]
    assert (verdict.verdict, tokens.change) == ("promote", "+20 (+20 %)")
