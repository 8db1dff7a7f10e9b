"""The gate: results under a policy, their verdict and its exit code."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from pytest_flink_agents.gate import (
    ItemResult,
    Outcome,
    Policy,
    Reason,
    ReasonKind,
    Rules,
    Selection,
    Verdict,
    VerdictKind,
    Waiver,
    add_reason,
    decide,
    exit_code,
    merge_attempts,
    report_not_written,
)
from pytest_flink_agents.vocabulary import Engine, Tier

FLINK = Policy("default", (Tier.EMBEDDED,))


def _scenario(outcome: str, name: str = "refund", **fields: Any) -> ItemResult:
    fields = {"tier": Tier.EMBEDDED, "flink_version": "2.2.1", "file": "s.yaml", "message": f"it {outcome}"} | fields
    return ItemResult(f"s.yaml::{name}[{fields['tier']}]", name, Outcome(outcome), **fields)


def _plain(outcome: str) -> ItemResult:
    return ItemResult("test_x.py::test_x", "test_x", Outcome(outcome), message="assert 1 == 2")


def _rules(verdict: Verdict) -> list[tuple[str, str]]:
    return [(reason.kind, reason.rule) for reason in verdict.reasons]


PASSED = _scenario("passed", "another")


@pytest.mark.parametrize(
    ("results", "verdict", "rules"),
    [
        ([PASSED], "promote", []),
        ([PASSED, _plain("passed"), _plain("skipped")], "promote", [("remark", "tests")]),
        ([PASSED, _scenario("failed")], "block", [("block", "scenarios")]),
        ([PASSED, _plain("failed")], "block", [("block", "tests")]),
        ([PASSED, _scenario("failed", severity="warn")], "promote", [("remark", "scenarios")]),
        ([PASSED, _scenario("failed", severity="info")], "promote", [("remark", "scenarios")]),
        ([PASSED, _scenario("unknown")], "inconclusive", [("inconclusive", "could not judge")]),
        ([PASSED, _scenario("unknown", severity="warn")], "promote", [("remark", "could not judge")]),
        ([PASSED, _scenario("not_run")], "inconclusive", [("inconclusive", "could not run")]),
        ([PASSED, _scenario("skipped")], "inconclusive", [("inconclusive", "skipped")]),
        ([PASSED, _scenario("skipped", severity="warn")], "promote", [("remark", "skipped")]),
        ([PASSED, _scenario("waived")], "promote", []),
        ([PASSED, _scenario("passed", real_model=True)], "inconclusive", [("inconclusive", "models")]),
        ([PASSED, _scenario("passed", real_model=True, severity="info")], "inconclusive", [("inconclusive", "models")]),
        ([PASSED, _scenario("failed", real_model=True)], "block", [("block", "scenarios")]),
        ([PASSED, _plain("unknown")], "inconclusive", [("inconclusive", "could not judge")]),
        ([PASSED, _scenario("flaky")], "inconclusive", [("inconclusive", "flaky")]),
        ([PASSED, _scenario("flaky", severity="warn")], "promote", [("remark", "flaky")]),
        ([], "inconclusive", [("inconclusive", "coverage")]),
        ([_plain("passed")], "inconclusive", [("inconclusive", "coverage")]),
        ([_scenario("waived")], "inconclusive", [("inconclusive", "coverage")]),
        (
            [_scenario("failed", severity="warn")],
            "inconclusive",
            [("inconclusive", "coverage"), ("remark", "scenarios")],
        ),
        (
            [_scenario("not_run"), PASSED, _scenario("failed", "third")],
            "block",
            [("block", "scenarios"), ("inconclusive", "could not run")],
        ),
    ],
)
def test_results_lead_to_the_verdict(results: list[ItemResult], verdict: str, rules: list[tuple[str, str]]) -> None:
    decided = decide(results, FLINK)
    assert decided.verdict == verdict
    assert _rules(decided) == rules


@pytest.mark.parametrize(
    "there",
    [
        [_scenario("waived")],
        [_scenario("failed", severity="warn")],
        [_scenario("unknown", severity="info"), _scenario("skipped", "later", severity="warn")],
        [_scenario("flaky", severity="warn"), _scenario("waived", "known")],
    ],
)
def test_a_session_in_which_nothing_passed_on_flink_is_inconclusive(there: list[ItemResult]) -> None:
    decided = decide([_scenario("passed", tier=Tier.LOCAL), *there], Policy("default", (Tier.LOCAL, Tier.EMBEDDED)))
    assert decided.verdict == "inconclusive"
    assert decided.reasons[0].message.startswith("no scenario passed on Flink, only without it")


def test_a_tier_on_which_nothing_ran_is_inconclusive() -> None:
    both = (Tier.LOCAL, Tier.EMBEDDED)
    decided = decide([PASSED], Policy("default", both, both))
    assert decided.verdict is VerdictKind.INCONCLUSIVE
    assert decided.reasons[0].message == "no scenario ran on the tier local"


def test_a_tier_left_out_by_name_is_inconclusive_unless_a_policy_states_its_tiers() -> None:
    left_out = Selection(tiers_left_out={"local": ("s.yaml::refund", "s.yaml::twice")})
    by_hand = Policy("default", (Tier.EMBEDDED,), (Tier.EMBEDDED,))
    decided = decide([PASSED], by_hand, selection=left_out)
    assert decided.verdict is VerdictKind.INCONCLUSIVE
    assert [(reason.rule, reason.message, reason.actual) for reason in decided.reasons] == [
        (
            "coverage",
            "--flink-tier leaves out local (s.yaml::refund and 1 more): add the tier, or let a policy say which tiers are "
            "enough, under require",
            ["s.yaml::refund on local", "s.yaml::twice on local"],
        )
    ]
    allowed = replace(by_hand, rules=Rules(tiers=(Tier.EMBEDDED,)))
    assert decide([PASSED], allowed, selection=left_out).verdict is VerdictKind.PROMOTE
    assert decide([PASSED], by_hand).verdict is VerdictKind.PROMOTE


@pytest.mark.parametrize("outcome", ["not_run", "skipped"])
def test_a_scenario_that_did_not_run_does_not_cover_its_tier(outcome: str) -> None:
    there = _scenario(outcome, tier=Tier.LOCAL, severity="warn")
    assert decide([PASSED, there], Policy("default", (Tier.LOCAL, Tier.EMBEDDED))).verdict == "inconclusive"


def test_a_scenario_that_applies_to_one_of_the_tiers_is_enough() -> None:
    results = [_scenario("not_applicable", tier=Tier.LOCAL), _scenario("passed", tier=Tier.EMBEDDED), PASSED]
    assert decide(results, Policy("default", (Tier.LOCAL, Tier.EMBEDDED))).verdict == "promote"


def test_a_blocking_scenario_that_applies_to_nothing_is_inconclusive() -> None:
    decided = decide([PASSED, _scenario("not_applicable")], FLINK)
    assert decided.verdict == "inconclusive"
    assert "s.yaml::refund applies to no tier" in decided.reasons[0].message
    assert decide([PASSED, _scenario("not_applicable", severity="warn")], FLINK).verdict == "promote"


@pytest.mark.parametrize("severity", ["blocker", "", "Warn", "warn "])
def test_an_unknown_severity_counts_like_block(severity: str) -> None:
    assert decide([PASSED, _scenario("failed", severity=severity)], FLINK, 1).verdict == "block"
    assert decide([PASSED, _scenario("skipped", severity=severity)], FLINK).verdict == "inconclusive"
    assert decide([PASSED, _scenario("not_applicable", severity=severity)], FLINK).verdict == "inconclusive"


TIMEOUT = {"other_error": "Failed at call: Timeout (>8.0s) from pytest-timeout."}


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (_scenario("failed", severity="warn", **TIMEOUT), "inconclusive"),
        (_scenario("unknown", severity="info", **TIMEOUT), "inconclusive"),
        (_scenario("not_run", severity="warn", **TIMEOUT), "inconclusive"),
        (_scenario("flaky", tolerated=True, **TIMEOUT), "inconclusive"),
        (_scenario("passed", **TIMEOUT), "inconclusive"),
        (_scenario("failed", **TIMEOUT), "block"),
        (merge_attempts([_scenario("not_run", severity="warn", **TIMEOUT), _scenario("passed")]), "inconclusive"),
        (merge_attempts([_scenario("not_run", severity="warn", **TIMEOUT), _scenario("waived")]), "inconclusive"),
    ],
)
def test_no_severity_excuses_the_error_of_another_part_of_the_session(result: ItemResult, verdict: str) -> None:
    decided = decide([PASSED, result], FLINK, 1)
    assert decided.verdict == verdict
    assert "Timeout (>8.0s) from pytest-timeout." in decided.reasons[0].message


def test_an_error_that_is_the_message_is_not_repeated() -> None:
    error = _scenario("not_run", message="boom", other_error="RuntimeError at teardown: boom")
    assert decide([PASSED, error], FLINK, 1).reasons[0].message == "s.yaml::refund[embedded]: boom"


def test_a_failure_that_no_result_explains_is_not_hidden_by_one_that_is_accepted() -> None:
    accepted = [PASSED, _scenario("failed", severity="warn")]
    decided = decide(accepted, FLINK, 1, unexplained=2)
    assert (decided.verdict, decided.reasons[0].message) == (
        "inconclusive",
        "pytest counts 2 failures that no result explains: another plugin, or a conftest.py",
    )


@pytest.mark.parametrize("pytest_exit", [2, 3, 4, 6, 77])
def test_a_session_that_pytest_calls_broken_is_never_promoted(pytest_exit: int) -> None:
    decided = decide([PASSED], FLINK, pytest_exit)
    assert (decided.verdict, _rules(decided)) == ("inconclusive", [("inconclusive", "session")])
    assert str(pytest_exit) in decided.reasons[0].message
    assert exit_code(decided, pytest_exit) == pytest_exit


def test_a_failed_session_without_a_failed_result_is_not_promoted() -> None:
    decided = decide([PASSED], FLINK, 1)
    assert (decided.verdict, exit_code(decided, 1)) == ("inconclusive", 10)


def test_a_remark_does_not_explain_a_failed_session() -> None:
    elsewhere = Selection(elsewhere=("x.scenario.yaml",))
    assert decide([PASSED, _scenario("waived")], FLINK, 1, selection=elsewhere).verdict == "inconclusive"


def test_a_failure_of_severity_warn_explains_pytests_exit_code() -> None:
    decided = decide([PASSED, _scenario("failed", severity="warn")], FLINK, 1)
    assert (decided.verdict, exit_code(decided, 1)) == ("promote", 0)


@pytest.mark.parametrize(
    ("verdict", "pytest_exit", "code"),
    [
        ("promote", 0, 0),
        ("promote", 1, 0),
        ("block", 1, 1),
        ("block", 0, 1),
        ("inconclusive", 0, 10),
        ("inconclusive", 5, 10),
    ]
    + [(verdict, own, own) for verdict in ("promote", "block", "inconclusive") for own in (2, 3, 4)],
)
def test_the_exit_code_is_the_verdicts_unless_pytest_reports_more(verdict: str, pytest_exit: int, code: int) -> None:
    assert exit_code(Verdict(VerdictKind(verdict), "default", (), {}), pytest_exit) == code


def test_a_reason_has_item_severity_limit_and_evidence() -> None:
    (reason,) = decide([PASSED, _scenario("failed", evidence="artifacts/x/1")], FLINK).reasons
    assert reason == Reason(
        ReasonKind.BLOCK,
        "scenarios",
        "block",
        "s.yaml::refund[embedded]: it failed",
        "failed",
        "passed",
        "artifacts/x/1",
        "s.yaml::refund[embedded]",
    )


def test_every_result_is_counted_once() -> None:
    outcomes = ["passed", "passed", "failed", "skipped", "not_applicable", "waived", "not_run", "unknown", "flaky"]
    counts = decide([_scenario(outcome, str(number)) for number, outcome in enumerate(outcomes)], FLINK).counts
    assert counts == {"passed": 2, "failed": 1, "flaky": 1, "skipped": 2, "waived": 1, "not_run": 2}
    assert sum(counts.values()) == len(outcomes)


def test_waived_failures_are_listed() -> None:
    assert decide([PASSED, _scenario("waived")], FLINK).waivers == (Waiver("s.yaml::refund[embedded]", "it waived"),)


def test_the_verdict_names_the_profile_of_the_policy() -> None:
    assert decide([PASSED], Policy("strict", (Tier.LOCAL,))).profile == "strict"


def test_a_selection_names_what_was_left_out() -> None:
    selection = Selection(3, ("tests/one.scenario.yaml on the command line",), ("x_scenario.yaml",), ("a", "b", "c"))
    verdict = decide([PASSED], FLINK, selection=selection)
    assert [(reason.kind, reason.message) for reason in verdict.reasons] == [
        ("inconclusive", "3 scenario runs were deselected: run all scenarios for a verdict on the job"),
        (
            "inconclusive",
            "only a part of the scenarios was collected: tests/one.scenario.yaml on the command line",
        ),
        ("inconclusive", "x_scenario.yaml looks like a scenario file and was not collected"),
        ("remark", "scenario files outside of the directories that were asked for: a and 2 more"),
    ]


def test_processes_that_collect_the_same_items_do_not_count_them_twice() -> None:
    one, other = Selection(3, uncollected=("a", "b")), Selection(3, uncollected=("b", "c"))
    assert one.merge(other) == Selection(3, uncollected=("a", "b", "c"))
    tiers = Selection(tiers_left_out={"local": ("a",)})
    assert Selection().merge(tiers) == tiers.merge(Selection()) == tiers == Selection.from_data(asdict(tiers))
    shards = Selection(tiers_left_out={"local": ("b",), "embedded": ("c",)})
    assert tiers.merge(shards).tiers_left_out == {"local": ("a", "b"), "embedded": ("c",)}
    workers = Selection(deselected_tests=2), Selection(deselected_tests=2)
    assert workers[0].merge(workers[1]).deselected_tests == 2


def test_a_reason_that_is_added_never_improves_a_verdict() -> None:
    blocked = decide([PASSED, _scenario("failed")], FLINK, 1)
    late = add_reason(blocked, report_not_written("r/verdict.json: No space left on device"))
    assert (late.verdict, _rules(late)) == ("block", [("block", "scenarios"), ("inconclusive", "report")])
    assert late.reasons[1].message == "the report could not be written: r/verdict.json: No space left on device"


def test_an_outcome_that_another_plugin_invents_is_unknown() -> None:
    assert Outcome.of("rerun") is Outcome.UNKNOWN
    assert Outcome.of("passed") is Outcome.PASSED


def _attempts(*outcomes: str) -> ItemResult:
    return merge_attempts(
        [_scenario(outcome, attempt=number, duration_s=1.5) for number, outcome in enumerate(outcomes, start=1)]
    )


def test_skipped_plain_tests_are_named_in_one_remark() -> None:
    (remark,) = decide([PASSED, _plain("skipped"), _plain("skipped")], FLINK).reasons
    assert (remark.message, remark.actual) == ("skipped or expected to fail: test_x.py::test_x and 1 more", 2)


@pytest.mark.parametrize(
    ("outcomes", "merged"),
    [
        (("passed",), "passed"),
        (("failed", "failed"), "failed"),
        (("failed", "passed"), "flaky"),
        (("passed", "failed"), "flaky"),
        (("failed", "unknown"), "failed"),
        (("unknown", "passed"), "flaky"),
        (("not_run", "passed"), "flaky"),
        (("unknown", "not_run"), "unknown"),
        (("not_run", "skipped"), "not_run"),
        (("unknown", "waived"), "unknown"),
        (("skipped", "passed"), "passed"),
    ],
)
def test_attempts_at_one_item_become_one_result(outcomes: tuple[str, ...], merged: str) -> None:
    assert _attempts(*outcomes).outcome is Outcome(merged)
    assert _attempts(*outcomes).duration_s == 1.5 * len(outcomes)


def test_a_flaky_result_names_both_attempts_and_the_failure() -> None:
    assert _attempts("failed", "failed", "passed").message == "failed in attempt 2, passed in attempt 3: it failed"
    assert _attempts("failed", "unknown", "passed").message.startswith("failed in attempt 1, passed in attempt 3: ")
    assert _attempts("passed", "unknown").message.startswith("not judged in attempt 2, passed in attempt 1: ")


def test_a_result_survives_being_sent_as_plain_data() -> None:
    sent = _scenario("flaky", owner="payments", attempt=2, engine=Engine.BUNDLED)
    for result in (sent, _plain("passed")):
        data = result.as_data()
        assert {type(data[name]) for name in ("outcome", "engine")} == {str}
        assert type(data["tier"]) in (str, type(None))
        assert ItemResult.from_data(data) == result
