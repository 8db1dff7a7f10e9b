"""Megabytes, colours and line breaks in what a job says, in every place that people read."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.evidence.model import Evidence, Failure
from pytest_flink_agents.gate import ItemResult, Policy, decide
from pytest_flink_agents.identity import GitState, Identity
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.failure_text import failure_text
from pytest_flink_agents.report.json_files import write_verdict
from pytest_flink_agents.report.junit import write_junit
from pytest_flink_agents.report.shorten import shorten
from pytest_flink_agents.report.summary import write_summary
from pytest_flink_agents.report.terminal import verdict_lines

NONE = Redactor({})
LONG = "x" * 1_000_000
ODD = "refund\x1b[2K\u202etoorp\n# PROMOTE | <img>"


def _reports(folder: Path, result: ItemResult) -> dict[str, str]:
    policy = Policy()
    verdict = decide([result], policy, 1)
    write_junit(folder / "junit.xml", [result], started="now", redactor=NONE)
    write_summary(folder / "summary.md", verdict, {}, NONE)
    write_verdict(
        folder / "verdict.json",
        verdict,
        policy,
        identity=Identity({}),
        git=GitState(),
        started="",
        finished="",
        redactor=NONE,
    )
    shown = "\n".join(text for text, _ in verdict_lines(verdict, "r", NONE))
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} | {"terminal": shown}


@pytest.fixture
def failed(results: list[ItemResult]) -> ItemResult:
    return results[1]


def test_no_report_holds_a_large_value_whole(tmp_path: Path, failed: ItemResult) -> None:
    large = dataclasses.replace(failed, message=f"saw {LONG}", detail=f"{LONG}\n" + "line\n" * 100_000)
    for name, text in _reports(tmp_path, large).items():
        assert len(text) < 10_000, name
        assert "more characters" in text, name
        assert "artifacts/refund/1" in text or name == "terminal"


def test_a_failure_names_the_file_that_holds_the_whole() -> None:
    finding = Finding(f"saw {LONG}", (), {"text": LONG}, ["x" * 1000] * 3000)
    run = Evidence("local", "2.2.1", "bundled", failure=Failure(LONG, traceback=LONG), log_tail=f"{LONG}\n" * 2)
    text = failure_text(
        [CheckResult("outputs", Validity.INVALID, (finding,))],
        run,
        where=[("s.yaml:9", [(9, LONG)])],
        reproduce="pytest x",
        redactor=NONE,
        whole="report/artifacts/x/1/evidence.json",
    )
    assert len(text) < 60_000
    assert "more characters, all in report/artifacts/x/1/evidence.json" in text
    assert text.endswith("\nagain: pytest x")


def test_nothing_that_a_job_prints_is_a_command_of_a_ci_server() -> None:
    printed = "::error::forged\n   ::add-mask::PROMOTE\nx ##[error]forged\na::b"
    finding = Finding("saw x", (), None, "::stop-commands::x\n2")
    run = Evidence("local", "2.2.1", "bundled", printed=printed, log_tail=printed)
    results = [CheckResult("outputs", Validity.INVALID, (finding,))]
    text = failure_text(results, run, where=[("s.yaml:9", [])], reproduce="pytest x", redactor=NONE)
    assert not [line for line in text.splitlines() if line.lstrip().startswith("::") or "##[" in line]
    assert ":\\:error::forged" in text
    assert "a::b" in text


def test_the_middle_of_many_lines_is_left_out() -> None:
    short = shorten("\n".join(map(str, range(1000))), "evidence.json")
    assert short.splitlines()[199:202] == ["199", "... 740 more lines, all in evidence.json", "940"]
    assert short.endswith("\n999")


def test_no_name_forges_a_line_or_colours_one(tmp_path: Path, failed: ItemResult) -> None:
    odd = dataclasses.replace(failed, name=ODD, node_id=ODD, message=ODD, owner=ODD, requirement=ODD, detail=ODD)
    reports = _reports(tmp_path, odd)
    for name, text in reports.items():
        assert "\x1b" not in text, name
        assert "\u202e" not in text, name
    lines = reports["summary.md"].splitlines()
    # Only in the code block may a line begin like a heading.
    assert [line for line in lines if line.startswith("# ")] == ["# BLOCK", "# PROMOTE | <img>"]
    assert not any("<img>" in line for line in lines if not line.startswith("# PROMOTE"))
    assert "| refund\\x1b[2K\\u202etoorp\\n# PROMOTE &#124; &lt;img> |" in reports["summary.md"]
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1
    assert json.loads(reports["verdict.json"])["reasons"][0]["message"] == f"{ODD}: {ODD}"
    case = Xml.fromstring(reports["junit.xml"]).find(".//testcase")
    assert case is not None
    assert case.get("name") == "refund\\x1b[2K\\u202etoorp\\n# PROMOTE | <img>"
