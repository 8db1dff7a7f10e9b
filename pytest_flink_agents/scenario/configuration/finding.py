"""One finding in a file."""

from __future__ import annotations

from dataclasses import dataclass

from flink_testbed.core.problem import Problem

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One deviation from the rules of a file.

    Line and column count from 1. ``file`` is another file that the scenario includes, relative to
    the project root; it is empty for the file itself.
    """

    code: str
    severity: str
    line: int
    column: int
    message: str
    expected: str = ""
    seen: str = ""
    next_step: str = ""
    file: str = ""


def finding_of(problem: Problem, severity: str, code: str = "") -> Finding:
    """Return a problem whose place is ``file:line:column`` as a finding.

    A problem of a whole file is at its start.
    """
    _, line, column = [*problem.where.rsplit(":", 2), "", ""][:3]
    at = (int(line), int(column)) if line.isdecimal() and column.isdecimal() else (1, 1)
    return Finding(
        code or problem.code, severity, *at, problem.message, problem.expected, problem.seen, problem.next_step
    )
