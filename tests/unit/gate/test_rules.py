"""The rules of a policy against results: met, not met, or unknown."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

from pytest_flink_agents.compare.sides import Comparison, Row
from pytest_flink_agents.evidence.failed_run import FailedCheck, FailedRun
from pytest_flink_agents.gate import Figure, ItemResult, Limit, Outcome, Policy, Rules, Verdict, decide, merge_attempts
from pytest_flink_agents.session_record import SessionRecord
from pytest_flink_agents.vocabulary import Engine, Tier


def ran(outcome: str = "passed", tier: Tier = Tier.EMBEDDED, name: str = "refund", **fields: Any) -> ItemResult:
    defaults: dict[str, Any] = {"flink_version": "2.2.1", "engine": "bundled", "file": "s.scenario.yaml"}
    return ItemResult(f"s::{name}[{tier}]", name, Outcome(outcome), tier=tier, **defaults | fields)


def under(rules: Rules, *results: ItemResult) -> Verdict:
    return decide(results, Policy("production", (Tier.LOCAL, Tier.EMBEDDED), file="p.yaml", rules=rules), 0)


def answers(verdict: Verdict) -> list[tuple[str, str, str]]:
    return [(one.rule, one.answer.value, one.seen) for one in verdict.rules]


BOTH = (ran(), ran(tier=Tier.LOCAL))
VERSIONS = (("2.2", SpecifierSet("==2.2.*")),)
OTHER_VERSIONS = (("1.20", SpecifierSet("==1.20.*")),)


@pytest.mark.parametrize(
    ("rules", "results", "verdict", "answer"),
    [
        (Rules(tiers=(Tier.EMBEDDED,)), BOTH, "promote", ("require.tiers", "met", "1 run passed")),
        (Rules(tiers=(Tier.CONTAINER,)), BOTH, "inconclusive", ("require.tiers", "not met", "no run passed")),
        (Rules(tiers=(Tier.LOCAL,)), BOTH[1:], "promote", ("require.tiers", "met", "1 run passed")),
        (Rules(engines=(Engine.UPSTREAM,)), BOTH, "inconclusive", ("require.engines", "not met", "no run passed")),
        (
            Rules(engines=(Engine.BUNDLED,), tiers=()),
            BOTH[1:],
            "inconclusive",
            ("require.engines", "not met", "no run passed"),
        ),
        (Rules(flink=VERSIONS), BOTH, "promote", ("require.flink", "met", "1 run passed")),
        (Rules(flink=OTHER_VERSIONS), BOTH, "inconclusive", ("require.flink", "not met", "no run passed")),
        (
            Rules(tags=("slo",)),
            (*BOTH, ran(name="x", tags=("slo",))),
            "promote",
            ("require.tags", "met", "1 run passed"),
        ),
        (Rules(tags=("slo",)), BOTH, "inconclusive", ("require.tags", "not met", "no run passed")),
        (
            Rules(tags=("slo",)),
            (*BOTH, ran("waived", name="x", tags=("slo",))),
            "inconclusive",
            ("require.tags", "not met", "no run passed"),
        ),
        (
            Rules(requirements=("REQ-1",)),
            (*BOTH, ran("failed", name="x", requirement="REQ-1", severity="warn")),
            "inconclusive",
            ("require.requirements", "not met", "no run passed"),
        ),
        (Rules(scenarios=2), BOTH, "inconclusive", ("require.scenarios", "not met", "1 passed")),
        (Rules(scenarios=2), (*BOTH, ran(name="x")), "promote", ("require.scenarios", "met", "2 passed")),
        (Rules(repeats=3), BOTH, "inconclusive", ("require.repeats", "not met", "1 of s::refund[embedded]")),
        (Rules(repeats=3), (ran(repeats=3),), "promote", ("require.repeats", "met", "3 of s::refund[embedded]")),
        (
            Rules(production=Engine.UPSTREAM),
            BOTH,
            "inconclusive",
            ("production_engine", "not met", "s::refund[embedded] ran on bundled"),
        ),
        (
            Rules(production=Engine.UPSTREAM, other_engine=True),
            BOTH,
            "promote",
            ("production_engine", "met", "s::refund[embedded] ran on bundled, which the policy allows"),
        ),
        (
            Rules(production=Engine.UPSTREAM),
            (ran(engine="upstream"),),
            "promote",
            ("production_engine", "met", "every run on Flink"),
        ),
        (
            Rules(production=Engine.UPSTREAM),
            (ran(engine="the job's own"),),
            "inconclusive",
            ("production_engine", "not met", "s::refund[embedded] ran on the job's own"),
        ),
        (
            Rules(production=Engine.UPSTREAM, tiers=(Tier.LOCAL,)),
            BOTH[1:],
            "inconclusive",
            ("production_engine", "unknown", "no run passed on Flink"),
        ),
    ],
)
def test_what_must_have_passed_decides(
    rules: Rules, results: tuple[ItemResult, ...], verdict: str, answer: tuple[str, str, str]
) -> None:
    decided = under(rules, *results)
    assert decided.verdict == verdict
    assert answer in answers(decided)


def limited(figure: Figure | None, maximum: float = 100.0, **fields: Any) -> Verdict:
    figures = {} if figure is None else {"tokens": figure}
    limit = Limit("limits[0].tokens", "tokens", maximum, tags=("slo",))
    return under(Rules(limits=(limit,)), *BOTH, ran(name="x", tags=("slo",), figures=figures, **fields))


@pytest.mark.parametrize(
    ("figure", "verdict", "answer", "seen"),
    [
        (Figure(100), "promote", "met", "100 in s::x[embedded]"),
        (Figure(100.5), "block", "not met", "100.5 in s::x[embedded]"),
        (Figure(500, "cut short", final=False), "block", "not met", "500 in s::x[embedded]"),
        (Figure(5, "cut short", final=False), "inconclusive", "unknown", "not known in s::x[embedded]: cut short"),
        (Figure(None, "no metrics"), "inconclusive", "unknown", "not known in s::x[embedded]: no metrics"),
        (None, "inconclusive", "unknown", "not known in s::x[embedded]: the run recorded none"),
    ],
)
def test_a_limit_is_judged_by_the_figure_of_the_run(
    figure: Figure | None, verdict: str, answer: str, seen: str
) -> None:
    decided = limited(figure)
    assert (decided.verdict, answers(decided)) == (verdict, [("limits[0].tokens", answer, seen)])


HIGH, LOW = {"tokens": Figure(500)}, {"tokens": Figure(5)}
TOKENS = Limit("limits[0].tokens", "tokens", 100, tags=("slo",))


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(ran("flaky", name="x", tags=("slo",), figures=HIGH, tolerated=True), id="tolerated"),
        pytest.param(ran("failed", name="x", tags=("slo",), figures=HIGH, severity="warn"), id="warned"),
        pytest.param(ran("unknown", name="x", tags=("slo",), figures=HIGH, severity="info"), id="not judged"),
        pytest.param(ran("waived", name="x", tags=("slo",), figures=HIGH), id="waived"),
        pytest.param(ran("not_run", name="x", tags=("slo",), figures=HIGH, severity="warn"), id="error at teardown"),
        pytest.param(
            merge_attempts([ran(tags=("slo",), figures=HIGH), ran(tags=("slo",), figures=LOW, attempt=2)]),
            id="first of two attempts that passed",
        ),
        pytest.param(
            merge_attempts(
                [
                    ran(tags=("slo",), figures=LOW, severity="warn"),
                    ran("failed", tags=("slo",), figures=LOW, severity="warn", attempt=2),
                    ran(tags=("slo",), figures=HIGH, severity="warn", attempt=3),
                ]
            ),
            id="an attempt that is not the worst",
        ),
    ],
)
def test_a_limit_holds_for_every_run(result: ItemResult) -> None:
    decided = under(Rules(limits=(TOKENS,)), *BOTH, result)
    assert (decided.verdict, [one.answer.value for one in decided.rules]) == ("block", ["not met"])


def test_an_attempt_without_a_figure_leaves_a_limit_unknown() -> None:
    lost = ran("unknown", tags=("slo",), severity="warn")
    for attempts in ((lost, ran(tags=("slo",), figures=LOW)), (ran(tags=("slo",), figures=LOW), lost)):
        numbered = [dataclasses.replace(each, attempt=number) for number, each in enumerate(attempts, start=1)]
        decided = under(Rules(limits=(TOKENS,)), *BOTH, merge_attempts(numbered))
        assert decided.rules[0].seen == "not known in s::refund[embedded]: a run recorded none"
        assert decided.verdict == "inconclusive"


def test_an_attempt_that_never_ran_has_no_figure() -> None:
    merged = merge_attempts(
        [ran("not_run", tags=("slo",), severity="warn"), ran(tags=("slo",), figures=LOW, attempt=2)]
    )
    assert under(Rules(limits=(TOKENS,)), *BOTH, merged).rules[0].answer == "met"


def test_an_error_after_a_run_does_not_hide_its_figures() -> None:
    passed = ran(tags=("slo",), figures=HIGH, severity="warn")
    record = (
        SessionRecord()
        .with_result(passed)
        .with_result(dataclasses.replace(passed, outcome=Outcome.NOT_RUN, figures={}))
    )
    assert under(Rules(limits=(TOKENS,)), *BOTH, *record.results()).verdict == "block"


def test_a_limit_of_no_run_is_unknown() -> None:
    limit = Limit("limits[0].tokens", "tokens", 1, tags=("other",))
    decided = under(Rules(limits=(limit,)), *BOTH)
    assert (decided.verdict, decided.rules[0].seen) == ("inconclusive", "no run to measure")


def test_recovery_is_limited_in_runs_with_faults_only() -> None:
    limit = Rules(limits=(Limit("limits[0].recovery", "recovery", 30),))
    assert under(limit, *BOTH).verdict == "inconclusive"
    calm = ran(name="y", figures={"tokens": Figure(3)})
    broken = ran(name="x", figures={"recovery": Figure(12.5)})
    assert answers(under(limit, calm, broken)) == [("limits[0].recovery", "met", "12.5 s in s::x[embedded]")]
    lost = ran("unknown", name="z", severity="warn")
    assert under(limit, calm, broken, lost).rules[0].seen == "not known in s::z[embedded]: the run recorded none"


def test_the_largest_figure_of_all_runs_counts() -> None:
    assert Figure.largest([Figure(3), Figure(7), Figure(5)]) == Figure(7)
    assert Figure.largest([Figure(3), Figure(None, "no log")]) == Figure(3, "no log", final=False)
    assert Figure.largest([Figure(None, "no log")]) == Figure(None, "no log", final=False)
    assert not Figure.largest([Figure(3, "cut short", final=False), Figure(7)]).final


def test_a_real_model_promotes_only_if_the_policy_says_so() -> None:
    live = ran(real_model=True)
    verdict = under(Rules(), live)
    assert verdict.verdict == "inconclusive"
    assert [reason.rule for reason in verdict.reasons] == ["models"]
    assert "passed with a real model" in verdict.reasons[0].message
    assert under(Rules(real_models=True), live).verdict == "promote"


def failed(*checks: str, **fields: Any) -> ItemResult:
    run = FailedRun(tuple(FailedCheck(check, invalid=True) for check in checks))
    return ran("failed", name="x", failed_runs=(run,), **fields)


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (failed("logs"), "promote"),
        (failed("logs", "latency"), "promote"),
        (failed("logs", "outputs"), "block"),
        (failed("outputs"), "block"),
        (dataclasses.replace(failed("logs"), failed_runs=()), "block"),
        (merge_attempts([failed("logs"), failed("outputs", attempt=2)]), "block"),
        (merge_attempts([failed("logs"), ran("not_run", name="x", attempt=2)]), "block"),
        (merge_attempts([failed("logs"), failed("latency", attempt=2)]), "promote"),
        (failed("logs", other_error="RuntimeError at teardown: boom"), "inconclusive"),
    ],
)
def test_a_check_may_be_a_warning_if_it_fails_alone(result: ItemResult, verdict: str) -> None:
    rules = Rules(severities={"logs": "warn", "latency": "info"})
    assert under(rules, *BOTH, result).verdict == verdict
    assert under(Rules(), *BOTH, result).verdict == "block"


def test_a_session_of_warnings_only_shows_nothing() -> None:
    decided = under(Rules(severities={"logs": "warn"}), failed("logs"))
    assert decided.verdict == "inconclusive"


def test_a_result_survives_the_way_to_another_process() -> None:
    row = Row('"c-1"', "tool calls", "tool call 1 pay_back", "args.amount", "20", "25")
    comparison = Comparison("v1", "v2", 1, 1, (row,), remarks=("a",), figures=(("tokens", "3", "4"),))
    sent = failed("logs", tags=("slo",), figures={"tokens": Figure(3)}, repeats=2, comparisons=(comparison,))
    assert ItemResult.from_data(json.loads(json.dumps(sent.as_data()))) == sent
