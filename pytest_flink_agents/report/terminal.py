"""The verdict on the terminal: answer, reasons, path of the report."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_flink_agents.gate import Answer, ItemResult, Outcome, ReasonKind, Verdict, VerdictKind, exit_code
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.baseline_table import baseline_table
from pytest_flink_agents.report.covered import engines_of, not_covered
from pytest_flink_agents.report.shorten import shorten_line
from pytest_flink_agents.report.side_by_side import masked, side_by_side

Line = tuple[str, dict[str, bool]]

_COLOURS = {VerdictKind.PROMOTE: "green", VerdictKind.BLOCK: "red", VerdictKind.INCONCLUSIVE: "yellow"}
_REASON_COLOURS = {ReasonKind.BLOCK: "red", ReasonKind.INCONCLUSIVE: "yellow", ReasonKind.REMARK: "blue"}
_TO_REPEAT = (Outcome.FAILED, Outcome.FLAKY, Outcome.UNKNOWN, Outcome.NOT_RUN)
_REASONS = 12
_FIGURES = 3
_COMPARED, _DIFFERENCES = 5, 8
_LINE = 200


def verdict_lines(verdict: Verdict, report: str, redactor: Redactor, *, pytest_exit: int | None = None) -> list[Line]:
    """Return lines with pytest's markup names: at most seven if all is well.

    ``pytest_exit`` is given if the session ends with pytest's own exit code because no gate was asked for.
    """
    colour, results = _COLOURS[verdict.verdict], verdict.results
    headline = f"{verdict.verdict.value.upper()}  {_headline(verdict, results)}"
    lines: list[Line] = [(headline, {colour: True, "bold": True})]
    for reason in verdict.reasons[:_REASONS]:
        # Redacted before it is cut: a part of a secret would not be recognised.
        message = shorten_line(redactor.text(reason.message), _LINE)
        lines += [(f"  {reason.kind}: {reason.rule}: {message}", {_REASON_COLOURS[reason.kind]: True})]
    if len(verdict.reasons) > _REASONS:
        lines.append((f"  ... and {len(verdict.reasons) - _REASONS} more reasons in the report", {}))
    if verdict.policy:
        met = sum(one.answer is Answer.MET for one in verdict.rules)
        rules = f"{met} of {len(verdict.rules)} rules met"
        lines.append((f"  policy: {verdict.policy}, profile {verdict.profile}: {rules}", {}))
    lines += [(text, {}) for text in _baseline(verdict)]
    lines += [(text, {}) for text in _compared(results, redactor)]
    left_out = not_covered(results)
    if left_out:
        lines.append((f"  not covered: {left_out}", {}))
    commands = (result.reproduce for result in results if result.outcome in _TO_REPEAT and result.reproduce)
    again = next(commands, "")
    if again:
        lines.append((f"  again:  {again}", {}))
    lines.append((f"  report: {report}", {}))
    if pytest_exit is not None and exit_code(verdict, pytest_exit) != pytest_exit:
        gated = exit_code(verdict, pytest_exit)
        lines.append((f"  exit code {pytest_exit} is pytest's own; --flink-gate makes it {gated}", {colour: True}))
    return [(redactor.text(text), markup) for text, markup in lines]


def _baseline(verdict: Verdict) -> list[str]:
    """Return the figures that have grown most since the baseline."""
    table = baseline_table(verdict)
    if not table.name:
        return []
    figures = len(table.rows) + table.left_out
    lines = [f"  baseline: {table.name}, {figures} figure{'s' if figures != 1 else ''}"]
    grown = [row for row in table.rows if row.change.startswith("+")]
    shown = (f"    {row.figure}: {row.before} -> {row.now}, {row.change}, {row.node_id}" for row in grown[:_FIGURES])
    return [*lines, *(shorten_line(line, _LINE) for line in shown)]


def _compared(results: Sequence[ItemResult], redactor: Redactor) -> list[str]:
    """Return a line for each run that was compared with another one, and the differences if no failure shows them."""
    lines: list[str] = []
    compared = [result for result in results if result.comparisons]
    compared.sort(key=lambda result: not any(one.rows for one in result.comparisons))
    for result in compared[:_COMPARED]:
        for one in result.comparisons:
            shown = masked(one, redactor)
            lines.append(f"  compared: {result.name}: {shown.candidate} beside {shown.baseline}: {shown.summary}")
            lines += [] if result.detail else [f"    {line}" for line in side_by_side(shown, _DIFFERENCES)]
    left_out = len(compared) - _COMPARED
    return [*lines, *([f"  ... and {left_out} more in the report"] if left_out > 0 else [])]


def _headline(verdict: Verdict, results: Sequence[ItemResult]) -> str:
    scenarios = {(result.file, result.name) for result in results if result.tier}
    places = list(dict.fromkeys(f"{result.tier}-{result.flink_version}" for result in results if result.tier))
    counts = (
        ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in verdict.counts.items() if count)
        or "nothing ran"
    )
    if not scenarios:
        return counts
    where = ", ".join(filter(None, (*places, engines_of(results))))
    return f"{len(scenarios)} scenario{'s' if len(scenarios) != 1 else ''} on {where}: {counts}"
