"""The reasons of a verdict as findings at lines of the project's files."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_flink_agents.gate import ReasonKind, Verdict
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.ci.server import CiServer
from pytest_flink_agents.report.shorten import shorten_line


@dataclass(frozen=True, slots=True)
class CiFinding:
    """One reason, without secrets and on one line.

    ``file`` is relative to the root of the repository, and empty for a reason that is about the session; ``line`` counts
    from 1. ``subject`` is the node id, or the message of a reason without one. ``evidence`` is a path in the run folder.
    """

    kind: ReasonKind
    rule: str
    message: str
    subject: str
    file: str = ""
    line: int = 1
    evidence: str = ""


def findings_of(verdict: Verdict, server: CiServer, redactor: Redactor) -> tuple[CiFinding, ...]:
    """Return a finding for each reason, in the order of the reasons: what blocks comes first."""
    results = {result.node_id: result for result in verdict.results}
    found = []
    for reason in verdict.reasons:
        message = shorten_line(redactor.line(reason.message))
        result = results.get(reason.node_id)
        subject = redactor.line(reason.node_id) or message
        if result is None or not result.file:
            found.append(CiFinding(reason.kind, reason.rule, message, subject))
            continue
        file = redactor.line(server.path(result.file))
        found.append(CiFinding(reason.kind, reason.rule, message, subject, file, max(result.line, 1), result.evidence))
    return tuple(found)
