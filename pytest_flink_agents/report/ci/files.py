"""Write the files for CI servers into the run folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytest_flink_agents.gate import Verdict
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.ci.ctrf import ctrf_report
from pytest_flink_agents.report.ci.findings import findings_of
from pytest_flink_agents.report.ci.gitlab import code_quality
from pytest_flink_agents.report.ci.pull_request import pull_request_text
from pytest_flink_agents.report.ci.server import CiServer
from pytest_flink_agents.report.files import write_text
from pytest_flink_agents.report.json_files import write_json

CTRF, GITLAB, PULL_REQUEST = "ctrf-report.json", "gl-code-quality-report.json", "pull-request.md"


def write_ci_files(
    folder: Path,
    verdict: Verdict,
    environment: Mapping[str, str],
    server: CiServer,
    *,
    started: str,
    finished: str,
    commit: str,
    redactor: Redactor,
) -> None:
    """Write ``ctrf-report.json``, ``gl-code-quality-report.json`` and ``pull-request.md``.

    Raises ``HostError`` FA422 if one cannot be written.
    """
    findings = findings_of(verdict, server, redactor)
    report = ctrf_report(verdict, environment, started=started, finished=finished, commit=commit, redactor=redactor)
    write_json(folder / CTRF, report, redactor)
    write_json(folder / GITLAB, code_quality(findings), redactor)
    text = pull_request_text(verdict, findings, server, commit=commit, redactor=redactor)
    write_text(folder / PULL_REQUEST, redactor.text(text))
