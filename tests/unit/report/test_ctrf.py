"""ctrf-report.json: what readers of the Common Test Report Format find."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import jsonschema
import pytest

from pytest_flink_agents.gate import ItemResult, Outcome, Verdict
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.ci.ctrf import ctrf_report
from tests.unit.report.ctrf_schema import CTRF_SCHEMA

FACTS = {"system": "Linux 6.1 x86_64", "python": "3.11", "java": ""}


def report_of(verdict: Verdict, **given: Any) -> dict[str, Any]:
    times = {"started": "2026-11-29T21:00:00+00:00", "finished": "2026-11-29T21:00:09+00:00"}
    report = ctrf_report(verdict, FACTS, commit="c0ffee", redactor=given.get("redactor", Redactor({})), **times)
    jsonschema.Draft7Validator(CTRF_SCHEMA).validate(report)
    return report


def test_the_report_has_what_the_schema_demands_and_counts_that_add_up(verdict: Verdict) -> None:
    report = report_of(verdict)
    tests, summary = report["results"]["tests"], report["results"]["summary"]
    statuses = Counter(test["status"] for test in tests)
    assert summary["tests"] == len(tests) == len(verdict.results)
    assert {status: summary[status] for status in statuses} == statuses
    assert summary["stop"] - summary["start"] == 9_000
    assert report["results"]["environment"]["commit"] == "c0ffee"
    assert report["results"]["environment"]["osPlatform"] == "linux"
    assert report["extra"] == {"verdict": "block"}


def test_a_failure_has_its_place_message_trace_and_evidence(verdict: Verdict) -> None:
    (failed,) = (test for test in report_of(verdict)["results"]["tests"] if test["status"] == "failed")
    assert failed == {
        "name": "refund",
        "status": "failed",
        "rawStatus": "failed",
        "duration": 1250,
        "suite": ["embedded-2.2.1", "s.yaml"],
        "flaky": False,
        "message": "output 1 is not as expected",
        "trace": "s.yaml:9: outputs\n    expected: 1\n    seen:     2",
        "filePath": "s.yaml",
        "line": 3,
        "attachments": [
            {"name": "evidence", "contentType": "application/json", "path": "artifacts/refund/1/evidence.json"}
        ],
        "extra": {
            "nodeId": "s.yaml::refund[embedded-2.2]",
            "engine": "bundled",
            "severity": "block",
            "requirement": "REQ-17",
            "reproduce": "pytest 's.yaml::refund[embedded-2.2]'",
        },
    }


@pytest.mark.parametrize("outcome", Outcome)
def test_only_what_passed_is_passed(verdict: Verdict, results: list[ItemResult], outcome: Outcome) -> None:
    judged = dataclasses.replace(verdict, results=(dataclasses.replace(results[1], outcome=outcome),))
    (test,) = report_of(judged)["results"]["tests"]
    assert (test["status"] == "passed") is (outcome is Outcome.PASSED)
    assert test["rawStatus"] == outcome.value


def test_large_and_secret_texts_are_cut_and_masked(verdict: Verdict, results: list[ItemResult]) -> None:
    large = "hunter2hunter2" + "x" * 3_000_000
    failed = dataclasses.replace(results[1], name=large, message=large, detail=large, owner=large, file=large)
    report = str(report_of(dataclasses.replace(verdict, results=(failed,)), redactor=Redactor({"API_KEY": large[:14]})))
    assert len(report) < 10_000
    assert "hunter2" not in report
    assert "all in artifacts/refund/1" in report


def test_a_session_without_results_is_a_report(verdict: Verdict) -> None:
    assert report_of(dataclasses.replace(verdict, results=()))["results"]["tests"] == []
