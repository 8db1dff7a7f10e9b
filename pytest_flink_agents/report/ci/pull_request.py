"""``pull-request.md``: the verdict as a short comment for a pull request."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pytest_flink_agents.gate import ReasonKind, Verdict
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.ci.findings import CiFinding
from pytest_flink_agents.report.ci.server import CiServer
from pytest_flink_agents.report.covered import engines_of, not_covered
from pytest_flink_agents.report.scenario_table import WORDS, counts_of, scenario_table
from pytest_flink_agents.report.shorten import shorten_line

# A comment of GitHub has at most 65,536 characters; what a pipeline writes around this text needs some.
_LIMIT = 60_000
_REASONS, _TEXT = 10, 300
# The first of these numbers of rows with which the text fits is taken.
_ROWS = (100, 20, 0)
# A program that updates its comment instead of adding another one finds it by this line.
_MARKER = "<!-- flink-agents-gate -->"


def pull_request_text(
    verdict: Verdict, findings: Sequence[CiFinding], server: CiServer, *, commit: str, redactor: Redactor
) -> str:
    """Return Markdown of at most 60,000 characters; ``commit`` may be empty.

    Texts of jobs are code, so that none is a mention, a link or an image.
    """
    head = [_MARKER, f"## {verdict.verdict.value.upper()}: flink agents gate", "", _counts(verdict), ""]
    tail = ["", _about(verdict, server, commit, redactor), ""]
    for rows in _ROWS:
        text = "\n".join([*head, *_reasons(findings), *_table(verdict, rows, redactor), *tail])
        if len(text) <= _LIMIT:
            break
    return text


def _counts(verdict: Verdict) -> str:
    engines, left_out = engines_of(verdict.results), not_covered(verdict.results)
    run_by = f"Run by {engines}" if engines else ""
    return ". ".join(filter(None, (counts_of(verdict), run_by, f"Not covered: {left_out}" if left_out else "")))


def _reasons(findings: Sequence[CiFinding]) -> list[str]:
    lines = [f"- {_kind(finding.kind)}, {finding.rule}: {_code(finding.message)}" for finding in findings[:_REASONS]]
    if len(findings) > _REASONS:
        lines.append(f"- and {len(findings) - _REASONS} more, all in the report")
    return lines


def _kind(kind: ReasonKind) -> str:
    return f"**{kind}**" if kind is not ReasonKind.REMARK else str(kind)


def _table(verdict: Verdict, most: int, redactor: Redactor) -> list[str]:
    """Return the scenarios on their tiers, folded; those that did not pass come first."""
    table = scenario_table(verdict.results)
    if not table.rows:
        return []
    right = {"passed", "not applicable"}
    rows = sorted(table.rows, key=lambda row: all(WORDS[cell.outcome] in right for cell in row.cells.values()))
    lines = ["", f"<details><summary>{len(rows)} scenario{'s' if len(rows) != 1 else ''}</summary>", ""]
    if rows[:most]:
        lines += [_row(["scenario", *table.columns]), "|---" * (1 + len(table.columns)) + "|"]
    for row in rows[:most]:
        cells = (row.cells.get(column) for column in table.columns)
        words = (f"{WORDS[cell.outcome]}, {cell.duration_s:.1f} s" if cell else "" for cell in cells)
        lines.append(_row([_code(redactor.line(row.name)).replace("|", "\\|"), *words]))
    if len(rows) > most:
        lines += ["", f"{len(rows) - most} more are in the report."]
    return [*lines, "", "</details>"]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _about(verdict: Verdict, server: CiServer, commit: str, redactor: Redactor) -> str:
    report = f"[Report and evidence]({server.artifacts_url})" if server.artifacts_url else "Report: `report.html`"
    policy = f"policy {_code(redactor.line(f'{verdict.policy}, profile {verdict.profile}'))}" if verdict.policy else ""
    return " · ".join(filter(None, (report, policy, f"commit {commit[:12]}" if commit else "")))


def _code(text: str) -> str:
    """Return a line as a code span, whose fence is longer than any in the text."""
    shown = shorten_line(text, _TEXT) or " "
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    space = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{space}{shown}{space}{fence}"
