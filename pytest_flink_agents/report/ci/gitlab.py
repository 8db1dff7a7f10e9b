"""GitLab: the reasons of a verdict as a code quality report, which a merge request shows.

Facts: GitLab's documentation of code quality, "Code Quality report format": a list of objects with ``description``,
``check_name``, ``fingerprint``, ``severity`` (info, minor, major, critical, blocker), ``location.path`` (relative to the
root of the repository, without a leading "./") and ``location.lines.begin``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from pytest_flink_agents.gate import ReasonKind
from pytest_flink_agents.report.ci.findings import CiFinding

_SEVERITIES = {ReasonKind.BLOCK: "blocker", ReasonKind.INCONCLUSIVE: "major", ReasonKind.REMARK: "info"}
# A reason about the session has no file; the format demands one.
_NO_FILE = "."


def code_quality(findings: Sequence[CiFinding]) -> list[dict[str, Any]]:
    """Return the report as plain data.

    A fingerprint is that of the rule and its subject: it stays the same when lines move or a message changes.
    """
    return [
        {
            "description": finding.message,
            "check_name": f"flink-agents-gate: {finding.rule}",
            "fingerprint": hashlib.sha256(f"{finding.rule}\0{finding.subject}".encode()).hexdigest(),
            "severity": _SEVERITIES[finding.kind],
            "location": {"path": finding.file or _NO_FILE, "lines": {"begin": finding.line}},
        }
        for finding in findings
    ]
