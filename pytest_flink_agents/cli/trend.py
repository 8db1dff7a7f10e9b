"""``flink-agents-gate trend``: show the history of the sessions in a directory of reports."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from flink_testbed.core.problem import HostError, Problem
from pytest_flink_agents.checks.bounds import number_text
from pytest_flink_agents.cli.stored_session import StoredSession, stored_session
from pytest_flink_agents.gate import Outcome
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.files import write_text
from pytest_flink_agents.report.json_files import VERDICT_FILE
from pytest_flink_agents.report.stored_run import REPORT_FILE
from pytest_flink_agents.report.trend_page import trend_page

_RAN = (Outcome.PASSED, Outcome.FAILED, Outcome.FLAKY, Outcome.WAIVED, Outcome.UNKNOWN)
_FLAKY_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Session:
    """One session of the history. ``ran`` and ``passed`` count scenarios; ``latency_p95`` is in ms, None if not known."""

    name: str
    started: str
    verdict: str
    commit: str
    ran: int
    passed: int
    failed: int
    flaky: tuple[str, ...]
    latency_p95: float | None

    @property
    def pass_rate(self) -> float | None:
        """The share of the scenarios that ran which passed."""
        return self.passed / self.ran if self.ran else None


def trend(directory: Path, html: Path | None, *, as_json: bool) -> tuple[int, str]:
    """Return exit code 0 and the text: a line for each session of the directory, the oldest first.

    ``html`` is the file for a picture. Raises ``HostError`` FA430 if there is no session in the directory.
    """
    sessions, unreadable = history(directory)
    redactor = Redactor(os.environ)
    if html:
        write_text(html, redactor.text(trend_page([asdict(one) | {"pass_rate": one.pass_rate} for one in sessions])))
    if as_json:
        data = {"sessions": [asdict(one) for one in sessions], "unreadable": unreadable}
        return 0, redactor.text(json.dumps(data, indent=2, ensure_ascii=False))
    return 0, redactor.text("\n".join(lines_of(sessions, unreadable)))


def history(directory: Path) -> tuple[list[Session], list[str]]:
    """Return the sessions of a directory, the oldest first, and the names of those that cannot be read."""
    sessions, unreadable = [], []
    folders = sorted(path for path in directory.glob("*") if path.is_dir() and not path.is_symlink())
    for folder in folders:
        if not any((folder / name).exists() for name in (REPORT_FILE, VERDICT_FILE)):
            continue
        try:
            sessions.append(_session(stored_session(folder)))
        except HostError:
            unreadable.append(folder.name)
    if not sessions:
        message, expected = "there is no run to show", "a directory with run folders"
        next_step = "name the directory of reports, such as flink-agents-report"
        raise HostError(Problem("FA430", message, str(directory), expected, "none that can be read", next_step))
    return sorted(sessions, key=lambda session: (session.started, session.name)), unreadable


def _session(stored: StoredSession) -> Session:
    scenarios = [result for result in stored.run.results if result.tier]
    latencies = [one.value for result in scenarios if (one := result.figures.get("latency_p95"))]
    known = [value for value in latencies if value is not None]
    return Session(
        stored.folder.name,
        stored.started,
        stored.answer or "inconclusive",
        stored.git.commit[:12],
        sum(result.outcome in _RAN for result in scenarios),
        sum(result.outcome is Outcome.PASSED for result in scenarios),
        sum(result.outcome is Outcome.FAILED for result in scenarios),
        tuple(result.node_id for result in scenarios if result.outcome is Outcome.FLAKY),
        max(known, default=None),
    )


def lines_of(sessions: Sequence[Session], unreadable: Sequence[str]) -> list[str]:
    """Return a table of the sessions, the scenarios that were flaky, and the runs that cannot be read."""
    rows = [("started", "verdict", "passed", "flaky", "p95 ms", "commit")]
    rows += [
        (
            session.started[:19].replace("T", " ") or session.name[:19],
            session.verdict,
            f"{session.passed}/{session.ran}",
            str(len(session.flaky)),
            "-" if session.latency_p95 is None else number_text(round(session.latency_p95)),
            session.commit[:8] or "-",
        )
        for session in sessions
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    flaky = Counter(name for session in sessions for name in session.flaky)
    lines += ["", "flaky:"] if flaky else []
    lines += [f"  {name}: in {count} of {len(sessions)} sessions" for name, count in flaky.most_common(_FLAKY_SHOWN)]
    lines += [f"cannot be read: {', '.join(unreadable)}"] if unreadable else []
    return lines
