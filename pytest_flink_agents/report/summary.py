"""``summary.md``, the page to read first."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_flink_agents.gate import ItemResult, Outcome, Reason, Verdict
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.baseline_table import baseline_table
from pytest_flink_agents.report.files import write_text
from pytest_flink_agents.report.scenario_table import WORDS, compared_runs, counts_of, promise_table, scenario_table
from pytest_flink_agents.report.shorten import shorten, shorten_line
from pytest_flink_agents.vocabulary import Standing

MARKS = {
    **WORDS,
    Outcome.FAILED: "**failed**",
    Outcome.FLAKY: "**flaky**",
    Outcome.NOT_APPLICABLE: "-",
}
_SHOWN_IN_FULL = (Outcome.FAILED, Outcome.FLAKY, Outcome.UNKNOWN, Outcome.NOT_RUN)

# CI servers take about a megabyte; the first failures usually explain the others.
_FAILURES_IN_FULL = 20
_DIFFERENCES = 20


def write_summary(path: Path, verdict: Verdict, environment: Mapping[str, str], redactor: Redactor) -> None:
    """Write the verdict, its reasons, the scenarios, the failures and the environment.

    Texts of jobs are masked before they are cut or escaped: the redactor would not recognise what is left.
    """
    results = verdict.results
    lines = [f"# {verdict.verdict.value.upper()}", "", counts_of(verdict), ""]
    lines += [
        *_reasons(verdict.reasons, redactor),
        *_policy(verdict, redactor),
        *_baseline(verdict, redactor),
        *_table(results, redactor),
        *_repeated(results, redactor),
        *_compared(results, redactor),
        *_promises(results, redactor),
        *_failures(results, redactor),
    ]
    lines += ["## Ran on", "", *(f"- {name}: {value}" for name, value in environment.items() if value), ""]
    write_text(path, redactor.text("\n".join(lines)))


def _reasons(reasons: Sequence[Reason], redactor: Redactor) -> list[str]:
    if not reasons:
        return []
    lines = [f"- {reason.kind}, {reason.rule}: {_inline(reason.message, redactor)}" for reason in reasons]
    return ["## Why", "", *lines, ""]


def _policy(verdict: Verdict, redactor: Redactor) -> list[str]:
    """Return the policy file and profile, and a row for each rule."""
    if not verdict.policy:
        return []
    named = f"{_inline(verdict.policy, redactor)}, profile {_inline(verdict.profile, redactor)}"
    lines = ["## Policy", "", named, ""]
    if verdict.rules:
        lines += [_row(["rule", "demanded", "answer", "seen"]), "|---" * 4 + "|"]
        lines += [
            _row([_inline(text, redactor) for text in (one.rule, one.demanded, str(one.answer), one.seen)])
            for one in verdict.rules
        ]
    return [*lines, ""] if verdict.rules else lines


def _baseline(verdict: Verdict, redactor: Redactor) -> list[str]:
    """Return the figures beside those of the baseline, the largest increases first."""
    table = baseline_table(verdict)
    if not table.name:
        return []
    lines = ["## Compared with a baseline", "", _inline(table.name, redactor), ""]
    if table.rows:
        lines += [_row(["scenario", "figure", "baseline", "now", "change"]), "|---" * 5 + "|"]
        lines += [_row([_inline(text, redactor) for text in row]) for row in table.rows]
        lines += ["", f"{table.left_out} more figures are in verdict.json"] if table.left_out else []
        lines.append("")
    return lines


def _table(results: Sequence[ItemResult], redactor: Redactor) -> list[str]:
    """Return a row for each scenario and a column for each tier.

    Requirement and owner have columns if a scenario has them.
    """
    table = scenario_table(results)
    if not table.rows:
        return []
    width = 1 + len(table.given) + len(table.columns)
    lines = ["## Scenarios", "", _row(["scenario", *table.given, *table.columns]), "|---" * width + "|"]
    for row in table.rows:
        about = [_inline(text, redactor) for text in (row.name, *row.about)]
        lines.append(_row([*about, *(_cell(row.cells.get(column)) for column in table.columns)]))
    return [*lines, ""]


def _repeated(results: Sequence[ItemResult], redactor: Redactor) -> list[str]:
    repeated = [result for result in results if result.runs]
    if not repeated:
        return []
    lines = (f"- {_inline(result.node_id, redactor)}: {_inline(result.runs, redactor)}" for result in repeated)
    return ["## Repeated scenarios", "", *lines, ""]


def _compared(results: Sequence[ItemResult], redactor: Redactor) -> list[str]:
    """Return each run that was compared with another one, and the differences side by side."""
    lines: list[str] = []
    for each in compared_runs(results, _DIFFERENCES):
        lines += [
            f"### {_inline(each.node_id, redactor)}",
            "",
            *(f"- {_inline(text, redactor)}" for text in each.lines),
            "",
        ]
        if each.rows:
            table = [each.columns, *each.rows]
            header, *rows = (_row([_inline(text, redactor) for text in row]) for row in table)
            lines += [header, "|---" * len(each.columns) + "|", *rows, ""]
    return ["## Compared runs", "", *lines] if lines else []


def _promises(results: Sequence[ItemResult], redactor: Redactor) -> list[str]:
    """Return a row for each run with faults and a column for each promise, and why a promise was not kept."""
    table = promise_table(results)
    if not table.rows:
        return []
    lines = [
        "## Promises under faults",
        "",
        _row(["scenario", *table.columns]),
        "|---" * (1 + len(table.columns)) + "|",
    ]
    lines += [_row([_inline(row.name, redactor), *map(_standing, row.standings)]) for row in table.rows]
    reasons = [f"- {_inline(text, redactor)}" for text in table.reasons]
    return [*lines, "", *reasons, *([""] if reasons else [])]


def _standing(standing: Standing | None) -> str:
    return "" if standing is None else f"**{standing}**" if standing is Standing.BROKEN else str(standing)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(result: ItemResult | None) -> str:
    return f"{MARKS[result.outcome]} {result.duration_s:.1f} s" if result else ""


def _failures(results: Sequence[ItemResult], redactor: Redactor) -> list[str]:
    failures = [result for result in results if result.outcome in _SHOWN_IN_FULL]
    lines: list[str] = []
    for result in failures[:_FAILURES_IN_FULL]:
        text = shorten(redactor.text(result.detail or result.message), result.evidence)
        lines += [f"## {_inline(result.node_id, redactor)}", "", _inline(result.message, redactor), ""]
        lines += [*_fenced(text), ""]
        about = {"Requirement": result.requirement, "Owner": result.owner}
        lines += [f"{name}: {_inline(value, redactor)}\n" for name, value in about.items() if value]
        lines += [f"Evidence: `{result.evidence}`", ""] if result.evidence else []
        lines += [f"Again: `{result.reproduce}`", ""] if result.reproduce else []
    rest = failures[_FAILURES_IN_FULL:]
    if rest:
        listed = (f"- {_inline(f'{result.node_id}: {result.message}', redactor)}" for result in rest)
        lines += [f"## {len(rest)} more", "", *listed, ""]
    return lines


def _inline(text: str, redactor: Redactor) -> str:
    """Return a text as one line without Markdown or HTML in it."""
    shown = shorten_line(redactor.line(text))
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;")


def _fenced(text: str) -> list[str]:
    """Return a code block whose fence is longer than any in the text."""
    longest = max((len(row) for row in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", text, fence]
