"""Known failures of a policy: which results they waive, and until when."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest

from pytest_flink_agents.checks.waiver import Waiver
from pytest_flink_agents.evidence.failed_run import FailedCheck, FailedFinding, FailedRun
from pytest_flink_agents.gate import ItemResult, KnownFailure, Outcome, Policy, Rules, Verdict, decide
from pytest_flink_agents.scenario.matching.matchers import compile_matcher
from pytest_flink_agents.session_record import SessionRecord
from pytest_flink_agents.vocabulary import Tier

UNTIL = datetime.date(2027, 1, 31)
KNOWN = KnownFailure("s.yaml::refund", Waiver("outputs"), "ticket 17", "payments", UNTIL, "p.yaml:9")
WRONG = FailedRun((FailedCheck("outputs", True, (FailedFinding("output 1 is not as expected"),)),))
LATE = FailedRun((FailedCheck("ended", True),))
DOUBTFUL = FailedRun((*WRONG.checks, FailedCheck("model calls", False)))


def ran(outcome: str, *runs: FailedRun, name: str = "refund", **fields: Any) -> ItemResult:
    return ItemResult(
        f"s.yaml::{name}",
        name,
        Outcome(outcome),
        Tier.EMBEDDED,
        file="s.yaml",
        message="output 1",
        failed_runs=runs,
        **fields,
    )


PASSED = ran("passed", name="other")


def under(known: KnownFailure, *results: ItemResult, today: datetime.date = UNTIL) -> Verdict:
    policy = Policy("production", (Tier.EMBEDDED,), rules=Rules(known_failures=(known,)))
    return decide([PASSED, *results], policy, 1, today=today)


def test_a_named_failure_is_waived_until_its_last_day() -> None:
    verdict = under(KNOWN, ran("failed", WRONG))
    assert (verdict.verdict, verdict.counts["waived"], verdict.counts["failed"]) == ("promote", 1, 0)
    (waiver,) = verdict.waivers
    assert (waiver.owner, waiver.message) == ("payments", "ticket 17 (until 2027-01-31, p.yaml:9; seen: output 1)")
    assert verdict.reasons == ()


@pytest.mark.parametrize(
    ("known", "result", "remark"),
    [
        (KNOWN, ran("failed", LATE), "the scenario failed in another way"),
        (KNOWN, ran("failed", WRONG, LATE), "the scenario failed in another way"),
        (KNOWN, ran("failed", DOUBTFUL), "the scenario failed in another way"),
        (KNOWN, ran("failed"), "the scenario failed in another way"),
        (KNOWN, ran("failed", WRONG, name="refund twice"), "no scenario of this session has this name"),
        (
            dataclasses.replace(KNOWN, failure=Waiver("outputs", compile_matcher({"contains": "denied"}))),
            ran("failed", WRONG),
            "the scenario failed in another way",
        ),
    ],
)
def test_another_failure_blocks(known: KnownFailure, result: ItemResult, remark: str) -> None:
    verdict = under(known, result)
    assert (verdict.verdict, verdict.waivers) == ("block", ())
    assert remark in verdict.reasons[-1].message


def test_an_expired_waiver_waives_nothing() -> None:
    verdict = under(KNOWN, ran("failed", WRONG), today=UNTIL + datetime.timedelta(days=1))
    assert verdict.verdict == "block"
    assert verdict.reasons[-1].message.endswith("it expired on 2027-01-31, and waives nothing")
    assert decide([PASSED, ran("failed", WRONG)], Policy(rules=Rules(known_failures=(KNOWN,)))).verdict == "block"


@pytest.mark.parametrize("outcome", ["unknown", "not_run", "flaky", "skipped"])
def test_only_a_failure_that_was_seen_is_waived(outcome: str) -> None:
    assert under(KNOWN, ran(outcome, WRONG)).verdict == "inconclusive"


def test_a_waiver_that_is_not_needed_is_a_remark() -> None:
    verdict = under(KNOWN, ran("passed"))
    assert [reason.message for reason in verdict.reasons if reason.rule == "waivers"] == [
        "p.yaml:9: the waiver of s.yaml::refund: the scenario does not fail: remove it"
    ]


def test_a_waived_failure_shows_nothing() -> None:
    policy = Policy(tiers=(Tier.EMBEDDED,), rules=Rules(known_failures=(KNOWN,)))
    assert decide([ran("failed", WRONG)], policy, 1, today=UNTIL).verdict == "inconclusive"


def test_an_error_after_a_known_failure_is_not_waived() -> None:
    error_at_teardown = dataclasses.replace(ran("not_run"), message="FA401: no answer")
    record = SessionRecord().with_result(ran("failed", WRONG)).with_result(error_at_teardown)
    assert under(KNOWN, *record.results()).verdict == "block"


def test_an_error_of_another_plugin_is_not_waived() -> None:
    verdict = under(KNOWN, ran("failed", WRONG, other_error="Failed at call: too slow"))
    assert (verdict.verdict, verdict.waivers) == ("block", ())
    assert verdict.reasons[-1].message.endswith("the scenario failed in another way, which is not waived")
