"""Known failures of a scenario."""

from __future__ import annotations

from typing import get_args

import pytest

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.waiver import Waiver, WaiverAnswer, waiver_answer
from pytest_flink_agents.evidence.model import Evidence, Failure
from pytest_flink_agents.scenario.expectations import CheckName
from pytest_flink_agents.scenario.matching.matchers import compile_matcher

RETRIES = compile_matcher({"contains": "max retries"})
DENIED = compile_matcher({"contains": "denied"})
RAN = Evidence("local", "2.2.1", "bundled")


def failed(message: str) -> Evidence:
    return Evidence("local", "2.2.1", "bundled", job_state="FAILED", failure=Failure(message, "RuntimeError", ""))


def result(check: str, validity: Validity, *findings: Finding) -> CheckResult:
    return CheckResult(check, validity, findings)


def valid(*checks: str) -> list[CheckResult]:
    return [result(check, Validity.VALID) for check in checks]


WRONG = result("outputs", Validity.INVALID, Finding("output 1 is not as expected", seen={"status": "denied"}))
OTHER_VALUE = result("outputs", Validity.INVALID, Finding("output 1 is not as expected", seen={"status": "lost"}))
MISSING = result("outputs", Validity.INVALID, Finding("output 1 never came", missing=True))
UNKNOWN = result("outputs", Validity.UNKNOWN, Finding("output 1 never came", missing=True))
JOB_FAILED = result("failure", Validity.INVALID, Finding("the job failed"))
LATE = result("ended", Validity.INVALID, Finding("the job had not ended after 5 s"))
NOT_KNOWN = result("failure", Validity.UNKNOWN)


@pytest.mark.parametrize(
    ("waiver", "results", "evidence", "answer"),
    [
        (Waiver("outputs"), [*valid("failure"), WRONG], RAN, WaiverAnswer.WAIVED),
        (Waiver("outputs"), valid("failure", "outputs"), RAN, WaiverAnswer.PASSED),
        (Waiver("outputs"), [JOB_FAILED, MISSING], failed("no module shpo"), WaiverAnswer.OTHER),
        (Waiver("outputs"), [*valid("failure"), UNKNOWN], RAN, WaiverAnswer.UNKNOWN),
        (Waiver("outputs"), [result("agent", Validity.INVALID, Finding("no module"))], RAN, WaiverAnswer.OTHER),
        (Waiver("outputs"), [result("model calls", Validity.INVALID), WRONG], RAN, WaiverAnswer.OTHER),
        (Waiver("outputs"), [result("model calls", Validity.UNKNOWN), WRONG], RAN, WaiverAnswer.UNKNOWN),
        (Waiver("outputs"), [], RAN, WaiverAnswer.OTHER),
        (Waiver("outputs", DENIED), [*valid("failure"), WRONG], RAN, WaiverAnswer.WAIVED),
        (Waiver("outputs", DENIED), [*valid("failure"), OTHER_VALUE], RAN, WaiverAnswer.OTHER),
        (Waiver(None, RETRIES), [JOB_FAILED, MISSING], failed("max retries reached"), WaiverAnswer.WAIVED),
        (Waiver(None, RETRIES), [JOB_FAILED, MISSING], failed("out of memory"), WaiverAnswer.OTHER),
        (Waiver(None, RETRIES), [JOB_FAILED, WRONG], failed("max retries reached"), WaiverAnswer.OTHER),
        (Waiver(None, RETRIES), [*valid("failure"), WRONG], RAN, WaiverAnswer.OTHER),
        (Waiver("failure", RETRIES), [JOB_FAILED], failed("max retries reached"), WaiverAnswer.WAIVED),
        (Waiver("failure", RETRIES), [JOB_FAILED], failed("out of memory"), WaiverAnswer.OTHER),
        (Waiver("outputs", RETRIES), [JOB_FAILED, WRONG], failed("max retries reached"), WaiverAnswer.WAIVED),
        (Waiver("ended"), [NOT_KNOWN, LATE, UNKNOWN], RAN, WaiverAnswer.WAIVED),
        (Waiver("ended"), [NOT_KNOWN, LATE, WRONG], RAN, WaiverAnswer.OTHER),
    ],
)
def test_only_the_announced_failure_is_waived(
    waiver: Waiver, results: list[CheckResult], evidence: Evidence, answer: WaiverAnswer
) -> None:
    assert waiver_answer(waiver, results, evidence) is answer


def test_every_check_that_a_scenario_may_announce_exists() -> None:
    from pytest_flink_agents.checks import (
        comparison,
        cost,
        delivery,
        effects,
        job_counts,
        latency,
        logs,
        memory,
        metric_values,
        outputs,
        plan,
        recovery,
        replays,
        trajectory,
        upgrade,
        usage,
    )
    from pytest_flink_agents.checks.job import check_ended, check_failure
    from pytest_flink_agents.checks.models import check_model_calls

    of_runs = {check_ended(RAN, 1).check, check_model_calls(RAN).check, check_failure(None, None, RAN).check}
    stated = {
        comparison.NAME,
        cost.NAME,
        memory.NAME,
        delivery.NAME,
        effects.NAME,
        latency.NAME,
        logs.NAME,
        metric_values.NAME,
        outputs.NAME,
        plan.NAME,
        recovery.NAME,
        replays.NAME,
        trajectory.NAME,
        upgrade.NAME,
        upgrade.DOWNTIME,
    }
    counts = {job_counts.CHECKPOINTS, job_counts.RESTARTS, job_counts.THROUGHPUT, usage.CALLS, usage.TOKENS}
    assert of_runs | stated | counts == set(get_args(CheckName))
