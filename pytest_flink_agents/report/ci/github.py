"""GitHub Actions: annotations of a step, and the summary of a run.

Facts: actions/toolkit, docs/problem-matchers.md (10 warnings, 10 errors and 10 notices a step) and packages/core/src/command.ts
(escapes); GitHub's reference of workflow commands (a summary of at most 1 MiB a step, else none is shown).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pytest_flink_agents.gate import ReasonKind
from pytest_flink_agents.report.ci.findings import CiFinding

_COMMANDS = {ReasonKind.BLOCK: "error", ReasonKind.INCONCLUSIVE: "warning", ReasonKind.REMARK: "notice"}
_PER_COMMAND = 10
_SUMMARY_BYTES = 1024 * 1024
_TITLE = "flink agents gate"


def annotation_lines(findings: Sequence[CiFinding]) -> list[str]:
    """Return workflow commands: at most ten of a kind, the last of which counts those that are left out."""
    lines = []
    for kind, command in _COMMANDS.items():
        found = [finding for finding in findings if finding.kind is kind]
        shown = found if len(found) <= _PER_COMMAND else found[: _PER_COMMAND - 1]
        lines += [_annotation(command, finding) for finding in shown]
        if len(found) > len(shown):
            rest = f"{len(found) - len(shown)} more of this kind are in the report"
            lines.append(f"::{command} title={_TITLE}::{rest}")
    return lines


def _annotation(command: str, finding: CiFinding) -> str:
    place = f"file={_property(finding.file)},line={finding.line}," if finding.file else ""
    return f"::{command} {place}title={_property(f'{_TITLE}: {finding.rule}')}::{_data(finding.message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def append_step_summary(path: Path, texts: Sequence[str]) -> bool:
    """Append the first of the texts for which the file has space left, and return whether one had.

    Other commands of the step may have written to the file. Raises ``OSError`` if it cannot be written.
    """
    used = path.stat().st_size if path.exists() else 0
    for text in texts:
        data = f"{text.rstrip()}\n\n".encode()
        if used + len(data) <= _SUMMARY_BYTES:
            with path.open("ab") as file:
                file.write(data)
            return True
    return False
