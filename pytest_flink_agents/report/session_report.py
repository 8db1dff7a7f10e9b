"""The files of a report that say what a session decided."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_flink_agents.gate import Policy, Verdict
from pytest_flink_agents.identity import GitState, Identity
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.ci.server import CiServer
from pytest_flink_agents.report.json_files import ENVIRONMENT_FILE, VERDICT_FILE, write_json, write_verdict
from pytest_flink_agents.report.junit import write_junit
from pytest_flink_agents.report.stored_run import REPORT_FILE, StoredRun, write_run
from pytest_flink_agents.report.summary import write_summary

SUMMARY_FILE = "summary.md"
PAGE_FILE = "report.html"


@dataclass(frozen=True, slots=True)
class SessionReport:
    """The content of a report. Times are ISO 8601 in UTC; ``finished`` is empty for a session that has not ended."""

    verdict: Verdict
    policy: Policy
    run: StoredRun
    identity: Identity
    git: GitState
    environment: Mapping[str, str]
    server: CiServer
    started: str
    finished: str = ""


def write_report(folder: Path, report: SessionReport, redactor: Redactor) -> None:
    """Write every file that states results. Raises ``HostError`` FA422 if one cannot be written."""
    # Imported here: sessions that judge nothing write neither.
    from pytest_flink_agents.report.ci.files import write_ci_files
    from pytest_flink_agents.report.page import PageFacts, write_page

    results = report.verdict.results
    write_json(folder / ENVIRONMENT_FILE, report.environment, redactor)
    write_run(folder, report.run, redactor)
    write_junit(folder / "junit.xml", results, started=report.started, redactor=redactor)
    write_page(folder / PAGE_FILE, PageFacts(report.verdict, report.environment, report.finished), redactor)
    write_ci_files(
        folder,
        report.verdict,
        report.environment,
        report.server,
        started=report.started,
        finished=report.finished,
        commit=report.git.commit,
        redactor=redactor,
    )
    write_answer(folder, report, redactor)


def write_answer(folder: Path, report: SessionReport, redactor: Redactor) -> None:
    """Write the verdict for people and for programs. Raises ``HostError`` FA422 if it cannot be written."""
    write_summary(folder / SUMMARY_FILE, report.verdict, report.environment, redactor)
    write_verdict(
        folder / VERDICT_FILE,
        report.verdict,
        report.policy,
        identity=report.identity,
        git=report.git,
        started=report.started,
        finished=report.finished,
        redactor=redactor,
    )


def discard_answers(folder: Path, *others: str) -> None:
    """Remove the files that state an answer, and ``others``: a program may read only one of them."""
    from pytest_flink_agents.report.ci.files import CTRF, GITLAB, PULL_REQUEST

    answers = (SUMMARY_FILE, PAGE_FILE, VERDICT_FILE, REPORT_FILE, CTRF, GITLAB, PULL_REQUEST)
    for name in (*answers, *others):
        with contextlib.suppress(OSError):
            (folder / name).unlink()
