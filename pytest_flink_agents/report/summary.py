"""``summary.md``: the page that a person reads first."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_flink_agents.gate import ItemResult, Outcome, Reason, Verdict
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.files import write_text

MARKS = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "**failed**",
    Outcome.FLAKY: "**flaky**",
    Outcome.UNKNOWN: "unknown",
    Outcome.NOT_RUN: "not run",
    Outcome.SKIPPED: "skipped",
    Outcome.NOT_APPLICABLE: "-",
    Outcome.WAIVED: "fails as known",
}
_SHOWN_IN_FULL = (Outcome.FAILED, Outcome.FLAKY, Outcome.UNKNOWN, Outcome.NOT_RUN)


# CI servers take about a megabyte; past this many failures the first ones have told the story.
_FAILURES_IN_FULL = 20


def write_summary(
    path: Path, verdict: Verdict, results: Sequence[ItemResult], environment: Mapping[str, str], redactor: Redactor
) -> None:
    """Verdict, why, a table of scenarios by tier, the failures in full, what it ran on."""
    lines = [f"# {verdict.verdict.value.upper()}", "", _counts(verdict), ""]
    lines += [*_reasons(verdict.reasons), *_table(results, redactor), *_failures(results)]
    lines += ["## Ran on", "", *(f"- {name}: {value}" for name, value in environment.items() if value), ""]
    write_text(path, redactor.text("\n".join(lines)))


def _counts(verdict: Verdict) -> str:
    return (
        ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in verdict.counts.items() if count)
        or "nothing ran"
    )


def _reasons(reasons: Sequence[Reason]) -> list[str]:
    if not reasons:
        return []
    return ["## Why", "", *(f"- {reason.kind}, {reason.rule}: {reason.message}" for reason in reasons), ""]


def _table(results: Sequence[ItemResult], redactor: Redactor) -> list[str]:
    scenarios = [result for result in results if result.tier]
    if not scenarios:
        return []
    columns = list(dict.fromkeys(f"{result.tier}-{result.flink_version}" for result in scenarios))
    rows: dict[tuple[str, str], dict[str, ItemResult]] = {}
    for result in scenarios:
        rows.setdefault((result.file, result.name), {})[f"{result.tier}-{result.flink_version}"] = result
    lines = ["## Scenarios", "", "| scenario | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for (_, name), cells in rows.items():
        # Redacted before it is escaped: the redactor does not know this form.
        shown = redactor.text(name).replace("|", "&#124;")
        lines.append(f"| {shown} | " + " | ".join(_cell(cells.get(column)) for column in columns) + " |")
    return [*lines, ""]


def _cell(result: ItemResult | None) -> str:
    return f"{MARKS[result.outcome]} {result.duration_s:.1f} s" if result else ""


def _failures(results: Sequence[ItemResult]) -> list[str]:
    failures = [result for result in results if result.outcome in _SHOWN_IN_FULL]
    lines: list[str] = []
    for result in failures[:_FAILURES_IN_FULL]:
        told = result.detail or result.message
        lines += [f"## {result.node_id}", "", result.message, "", *_fenced(told), ""]
        lines += [f"Evidence: `{result.evidence}`", ""] if result.evidence else []
        lines += [f"Again: `{result.reproduce}`", ""] if result.reproduce else []
    rest = failures[_FAILURES_IN_FULL:]
    if rest:
        lines += [f"## {len(rest)} more", "", *(f"- {result.node_id}: {result.message}" for result in rest), ""]
    return lines


def _fenced(text: str) -> list[str]:
    """A block that no text can end: its fence is longer than any row of back quotes inside."""
    longest = max((len(row) for row in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", text, fence]
