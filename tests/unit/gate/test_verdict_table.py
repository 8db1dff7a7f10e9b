"""The table of docs/verdict.md, row by row."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_flink_agents.checks.waiver import Waiver as AnnouncedFailure
from pytest_flink_agents.evidence.failed_run import FailedCheck, FailedRun
from pytest_flink_agents.gate import (
    Baseline,
    Figure,
    History,
    Increase,
    ItemResult,
    KnownFailure,
    Limit,
    Outcome,
    Policy,
    ReasonKind,
    Rules,
    RunCounts,
    Screening,
    Selection,
    Shard,
    Verdict,
    add_reason,
    decide,
    doubtful,
    exit_code,
    files_changed,
    inconclusive,
    merge_attempts,
    no_answer,
    report_not_trusted,
    report_not_written,
)
from pytest_flink_agents.vocabulary import Engine, Tier

PAGE = Path(__file__).parents[3] / "docs" / "verdict.md"
LOCAL, EMBEDDED = Tier.LOCAL, Tier.EMBEDDED
AUTO = Policy(tiers=(LOCAL, EMBEDDED))
BY_NAME = Policy(tiers=(LOCAL, EMBEDDED), named_tiers=(LOCAL, EMBEDDED))


def ran(outcome: str, tier: Tier | None = EMBEDDED, name: str = "refund", **fields: Any) -> ItemResult:
    return ItemResult(f"s.yaml::{name}", name, Outcome(outcome), tier=tier, file="s.yaml", **fields)


def repeated(runs: RunCounts) -> ItemResult:
    return ran(runs.outcome.value, runs=str(runs), tolerated=runs.outcome is Outcome.FLAKY)


def by(**rules: Any) -> Policy:
    return Policy("production", (LOCAL, EMBEDDED), file="flink-agents-policy.yaml", rules=Rules(**rules))


def measured(tokens: float) -> ItemResult:
    return ran("passed", tags=("slo",), figures={"tokens": Figure(tokens)})


def against_baseline(result: ItemResult) -> Policy:
    increase = Increase("baseline[0].tokens", "tokens", share=0.1, tags=("slo",))
    baseline = Baseline("old/report.json", "sha256:0", (*PASSED, result))
    return dataclasses.replace(by(increases=(increase,)), baseline=baseline)


def screened(*, may_promote: bool) -> Policy:
    policy = by(screening=Screening(10, may_promote=may_promote))
    return dataclasses.replace(policy, history=History(20, frozenset({"s.yaml::other"})))


UNTIL = datetime.date(2027, 1, 31)
KNOWN = KnownFailure("s.yaml::refund", AnnouncedFailure("logs"), "ticket 17", "payments", UNTIL, "p.yaml:9")
LIMIT = Limit("limits[0].tokens", "tokens", 10, tags=("slo",))
FAILED = ran("failed", failed_runs=(FailedRun((FailedCheck("logs", invalid=True),)),))
WRONG = FailedRun((FailedCheck("outputs", invalid=True),))
PASSED = [ran("passed", LOCAL, "other"), ran("passed", EMBEDDED, "other")]
SITUATIONS: dict[str, Callable[[], Verdict]] = {
    "every scenario passed, without Flink and on it": lambda: decide(PASSED, AUTO),
    "the only scenario has `tiers: [embedded]`, and no tier was named": lambda: decide(
        [ran("not_applicable", LOCAL), ran("passed")], AUTO
    ),
    "a scenario has `expect_fail` and fails as it says, another passed": lambda: decide([*PASSED, ran("waived")], AUTO),
    "a scenario of severity `warn` or `info` failed, another passed": lambda: decide(
        [*PASSED, ran("failed", severity="warn"), ran("failed", severity="info")], AUTO, 1
    ),
    "a scenario with `repeat` passed in `min_pass` of its runs or more, and not in all": lambda: decide(
        [ran("passed", LOCAL), repeated(RunCounts(5, 4, 4))], AUTO
    ),
    "a plain test was skipped or failed as expected, every scenario passed": lambda: decide(
        [*PASSED, ran("skipped", None)], AUTO
    ),
    "plain tests were deselected, every scenario ran and passed": lambda: decide(
        PASSED, AUTO, selection=Selection(deselected_tests=2)
    ),
    "there are scenario files outside of the directories that were asked for": lambda: decide(
        PASSED, AUTO, selection=Selection(elsewhere=("other/x.scenario.yaml",))
    ),
    "every scenario passed without Flink, and the policy requires the tier `local` only": lambda: decide(
        [ran("passed", LOCAL)],
        by(tiers=(LOCAL,)),
        selection=Selection(tiers_left_out={"embedded": ("s.yaml::refund",)}),
    ),
    "a scenario failed as a waiver of the policy says, another passed": lambda: decide(
        [*PASSED, FAILED], by(known_failures=(KNOWN,)), 1, today=UNTIL
    ),
    "a scenario failed only in a check that the policy makes a warning, another passed": lambda: decide(
        [*PASSED, FAILED], by(severities={"logs": "warn"}), 1
    ),
    "the policy screens, and a scenario that is not stable failed, which it makes a warning, another passed": lambda: (
        decide([*PASSED, ran("failed")], screened(may_promote=True), 1)
    ),
    "the policy has a waiver that nothing needs": lambda: decide(
        [*PASSED, ran("passed")], by(known_failures=(KNOWN,)), today=UNTIL
    ),
    "a scenario failed": lambda: decide([*PASSED, ran("failed")], AUTO, 1),
    "a scenario with `repeat` passed in fewer of its runs than `min_pass`": lambda: decide(
        [*PASSED, repeated(RunCounts(5, 3, 4))], AUTO, 1
    ),
    "a plain test failed": lambda: decide([*PASSED, ran("failed", None)], AUTO, 1),
    "a scenario failed and another could not run": lambda: decide([*PASSED, ran("failed"), ran("not_run")], AUTO, 1),
    "a scenario failed in one shard of a merged report, and another shard is missing": lambda: decide(
        [*PASSED, ran("failed")], AUTO, 1, selection=Selection(limits=("shard 2 of 4 has not reported",))
    ),
    "a scenario failed, and the policy waives another failure of it": lambda: decide(
        [*PASSED, ran("failed", failed_runs=(WRONG,))], by(known_failures=(KNOWN,)), 1, today=UNTIL
    ),
    "a scenario failed as a waiver of the policy says that has expired": lambda: decide(
        [*PASSED, FAILED], by(known_failures=(KNOWN,)), 1, today=UNTIL + datetime.timedelta(days=1)
    ),
    "a figure is above a limit of the policy": lambda: decide(
        [*PASSED, ran("passed", tags=("slo",), figures={"tokens": Figure(11)})], by(limits=(LIMIT,))
    ),
    "a figure of a scenario that failed as announced, or with severity `warn`, is above a limit": lambda: decide(
        [*PASSED, ran("waived", tags=("slo",), figures={"tokens": Figure(11)})], by(limits=(LIMIT,))
    ),
    "a figure is more above the baseline's than the policy allows": lambda: decide(
        [*PASSED, measured(12)], against_baseline(measured(10))
    ),
    "every scenario passed, without Flink only": lambda: decide(
        [ran("passed", LOCAL)], Policy(tiers=(LOCAL,), named_tiers=(LOCAL,))
    ),
    "every scenario that passed did so without Flink, those on Flink failed as announced": lambda: decide(
        [ran("passed", LOCAL), ran("waived")], AUTO
    ),
    "tiers were named, and a scenario would run on one more without that": lambda: decide(
        [ran("passed")],
        Policy(tiers=(EMBEDDED,), named_tiers=(EMBEDDED,)),
        selection=Selection(tiers_left_out={"local": ("s.yaml::refund",)}),
    ),
    "a tier was named and no scenario applies to it": lambda: decide(
        [ran("not_applicable", LOCAL), ran("passed")], BY_NAME
    ),
    "a tier could not start": lambda: decide([ran("passed", LOCAL), ran("not_run")], AUTO, 1),
    "a worker of pytest-xdist ended before it said what it had left out": lambda: decide(
        [*PASSED, ran("not_run", None)], AUTO
    ),
    "a scenario excludes every tier and version of the session": lambda: decide(
        [*PASSED, ran("not_applicable", LOCAL), ran("not_applicable")], AUTO
    ),
    "scenarios were deselected": lambda: decide(PASSED, AUTO, selection=Selection(deselected=2)),
    "a part of the scenarios was not collected": lambda: decide(PASSED, AUTO, selection=Selection(limits=("x.yaml",))),
    "a file looks like a scenario file and was not collected": lambda: decide(
        PASSED, AUTO, selection=Selection(uncollected=("x_scenario.yaml",))
    ),
    "the policy screens, and a scenario failed that was not shown to be stable": lambda: decide(
        [*PASSED, ran("failed")], screened(may_promote=False), 1
    ),
    "a scenario passed in one attempt and did not in another": lambda: decide([*PASSED, ran("flaky")], AUTO),
    "runs of a scenario with `repeat` that could not be judged decide on `min_pass`": lambda: decide(
        [*PASSED, repeated(RunCounts(5, 3, 4, unknown=1))], AUTO, 1
    ),
    "a scenario with `repeat` was flaky and was rerun after a failure": lambda: decide(
        [*PASSED, merge_attempts([repeated(RunCounts(5, 3, 4)), repeated(RunCounts(5, 4, 4))])], AUTO
    ),
    "a scenario ran and could not be judged": lambda: decide([*PASSED, ran("unknown")], AUTO, 1),
    "a scenario of severity `warn` had an error at setup or teardown, or of another plugin": lambda: decide(
        [*PASSED, ran("not_run", severity="warn", other_error="RuntimeError at teardown: boom")], AUTO, 1
    ),
    "a scenario was skipped": lambda: decide([*PASSED, ran("skipped")], AUTO),
    "no scenario ran": lambda: decide([ran("passed", None)], AUTO, 0),
    "every scenario that ran failed as its `expect_fail` says": lambda: decide([ran("waived")], AUTO),
    "code, a scenario or a configuration changed while the session ran, or code was added": lambda: add_reason(
        decide(PASSED, AUTO), files_changed(["shop.py"])
    ),
    "no scenario passed on a tier, version or engine, or with a tag, that the policy requires": lambda: decide(
        [*PASSED, ran("waived", tags=("refunds",))], by(tags=("refunds",))
    ),
    "fewer scenarios passed, or fewer runs of one, than the policy requires": lambda: decide(
        PASSED, by(scenarios=2, repeats=2)
    ),
    "a scenario passed on Flink with another engine than production's": lambda: decide(
        PASSED, by(production=Engine.UPSTREAM)
    ),
    "a figure that the policy limits is not known": lambda: decide(
        [*PASSED, ran("passed", tags=("slo",), figures={"tokens": Figure(None, "no metrics")})], by(limits=(LIMIT,))
    ),
    "the policy compares with a baseline, and a figure is missing in one of the sessions": lambda: decide(
        [*PASSED, measured(10)], against_baseline(ran("passed", tags=("slo",)))
    ),
    "scenarios were deselected, and every rule of the policy is met": lambda: decide(
        PASSED, by(tiers=(LOCAL, EMBEDDED), scenarios=1), selection=Selection(deselected=2)
    ),
    "another plugin failed the session": lambda: decide(PASSED, AUTO, 1),
    "another plugin failed the session, beside a failure that the policy accepts": lambda: decide(
        [*PASSED, FAILED], by(known_failures=(KNOWN,)), 1, unexplained=1, today=UNTIL
    ),
    "the session was interrupted": lambda: decide(PASSED, AUTO, 2),
    "the session was killed": lambda: no_answer(decide([*PASSED, ran("failed")], AUTO), doubtful("killed")),
    "the session ran one shard": lambda: decide(PASSED, AUTO, selection=Selection(shard=Shard(1, 4, 8, "sha256:1"))),
    "a shard of a merged report is missing": lambda: decide(
        PASSED, AUTO, selection=Selection(limits=("shard 2 of 4",))
    ),
    "a shard of a merged report is there twice or had another job, options or versions": lambda: no_answer(
        decide(PASSED, AUTO), doubtful("shard 2 of 4 is there twice")
    ),
    "the report could not be written, even if a scenario failed": lambda: no_answer(
        decide([*PASSED, ran("failed")], AUTO), report_not_written("r: No space left on device")
    ),
    "a stored report is not the one that a key signed": lambda: inconclusive("default", report_not_trusted("altered")),
}
PYTEST_EXITS = {"the session was interrupted": 2}


def rows() -> list[list[str]]:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_a_row_of_the_table_holds(row: list[str]) -> None:
    situation, answer, code, rules = row
    verdict = SITUATIONS[situation]()
    told = [
        f"{reason.rule} (remark)" if reason.kind is ReasonKind.REMARK else reason.rule for reason in verdict.reasons
    ]
    assert verdict.verdict == answer
    assert exit_code(verdict, PYTEST_EXITS.get(situation, 1)) == int(code)
    assert list(dict.fromkeys(told)) == [rule for rule in rules.split(", ") if rule]


def test_every_situation_is_in_the_table() -> None:
    assert [row[0] for row in rows()] == list(SITUATIONS)
