"""The failure of a run on report.html: made of the evidence that the run left."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.evidence.model import Event, Evidence, StepRecord
from pytest_flink_agents.gate import ItemResult, Policy, decide
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.evidence_file import write_evidence
from pytest_flink_agents.report.failure_card import shown_failure
from pytest_flink_agents.report.page import PageFacts, write_page
from pytest_flink_agents.vocabulary import Tier

SECRET = "s3cret-value"
WRONG = {"customer": "ada", "count": 2, "note": f"<b>{SECRET}</b>", "version": "v1"}
PLACES = [("till.scenario.yaml:72", [(72, "    - {key: ada, value: {count: 3}}")])]


def evidence(events: int = 2) -> Evidence:
    return Evidence(
        "embedded",
        "2.2.1",
        "bundled",
        events=tuple(
            Event("booked", {"count": number}, key=key, timestamp="", input=None)
            for number in range(events)
            for key in ("ada", "bob")
        ),
        steps=(
            StepRecord(
                "after 8 outputs", "start the candidate from savepoint file:/x/y/savepoint-81-a", 1.25, felt=True
            ),
        ),
    )


def written(folder: Path, evidence: Evidence, *findings: Finding) -> Path:
    checks = (CheckResult("logs", Validity.VALID), CheckResult("outputs", Validity.INVALID, findings))
    write_evidence(folder, evidence, checks, Redactor({"API_KEY": SECRET}), places=PLACES)
    return folder / "evidence.json"


def wrong(**fields: Any) -> Finding:
    return Finding("output 3 is not as expected", ("expect",), {**WRONG, "count": 3}, WRONG, "ada", **fields)


def test_expected_stands_beside_seen_with_the_lines_that_differ(tmp_path: Path) -> None:
    failure = shown_failure(written(tmp_path, evidence(), wrong()))
    assert failure
    (finding,) = failure.findings
    assert (finding.place, finding.source) == ("till.scenario.yaml:72", ((72, "    - {key: ada, value: {count: 3}}"),))
    assert [line.text for line in finding.expected if line.differs] == [' "count": 3,']
    assert [line.text for line in finding.seen if line.differs] == [' "count": 2,']
    assert (failure.key, failure.events) == ('"ada"', (("booked", "0"), ("booked", "1")))
    assert failure.steps == (("1.2 s", "start the candidate from savepoint savepoint-81-a, after 8 outputs", ""),)


def test_many_events_and_long_values_are_cut(tmp_path: Path) -> None:
    long = Finding("too many", (), list(range(100)), list(range(200)), "ada")
    failure = shown_failure(written(tmp_path, evidence(40), long, *[wrong()] * 9))
    assert failure
    assert (len(failure.events), failure.events[12]) == (21, ("...", "20 more"))
    assert failure.findings[0].seen[-1].text == "... 178 more lines"
    # One place was written: no other finding is shown without its own.
    assert (len(failure.findings), failure.left_out) == (1, 9)


def test_long_texts_of_a_job_are_cut(tmp_path: Path) -> None:
    long = "x" * 100_000
    finding = Finding(f"the output has {long}", ("expect",), 1, 2, long)
    step = StepRecord("after 8 outputs", "kill taskmanager", 1.0, felt=True, detail=long)
    run = dataclasses.replace(evidence(), steps=(step,), events_unknown=long)
    failure = shown_failure(written(tmp_path, run, finding))
    assert failure
    assert len(failure.findings[0].message) < 600
    assert failure.findings[0].message.startswith("the output has xxx")
    assert len(repr(failure)) < 4_000


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"checks": [{"validity": "invalid", "findings": [{}]}], "evidence": {}, "places": []}']
)
def test_evidence_of_another_form_shows_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "evidence.json").write_text(text, encoding="utf-8")
    assert shown_failure(tmp_path / "evidence.json") is None
    assert shown_failure(tmp_path / "missing.json") is None


def test_a_passed_run_and_a_large_file_have_no_card(tmp_path: Path) -> None:
    assert shown_failure(written(tmp_path, evidence())) is None
    file = written(tmp_path, evidence(), wrong())
    file.write_text(
        json.dumps(json.loads(file.read_text(encoding="utf-8")) | {"more": "x" * 4_000_000}), encoding="utf-8"
    )
    assert shown_failure(file) is None


def test_the_card_is_on_the_page_without_secrets_and_html_of_the_job(tmp_path: Path, results: list[ItemResult]) -> None:
    failed = dataclasses.replace(results[1], detail="the whole story")
    (tmp_path / failed.evidence).mkdir(parents=True)
    written(tmp_path / failed.evidence, evidence(), wrong())
    verdict = decide([failed], Policy("default", (Tier.EMBEDDED,)))
    write_page(tmp_path / "report.html", PageFacts(verdict, {}, ""), Redactor({}))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '<span class="expected"> &#34;count&#34;: 3,</span>' in page
    assert '<span class="seen"> &#34;count&#34;: 2,</span>' in page
    assert "What happened to key &#34;ada&#34;" in page
    assert "<summary>The whole text</summary>" in page
    assert SECRET not in page
    assert "&lt;b&gt;" in page
    assert f'href="{failed.evidence}/evidence.json"' in page
