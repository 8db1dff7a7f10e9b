"""The verdict on the terminal: the answer first, then why, then where to look."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_flink_agents.gate import ItemResult, Outcome, ReasonKind, Verdict, VerdictKind
from pytest_flink_agents.redact import Redactor

Line = tuple[str, dict[str, bool]]

_COLOURS = {VerdictKind.PROMOTE: "green", VerdictKind.BLOCK: "red", VerdictKind.INCONCLUSIVE: "yellow"}
_REASON_COLOURS = {ReasonKind.BLOCK: "red", ReasonKind.INCONCLUSIVE: "yellow", ReasonKind.REMARK: "blue"}
_TO_REPEAT = (Outcome.FAILED, Outcome.FLAKY, Outcome.UNKNOWN, Outcome.NOT_RUN)
_REASONS = 12


def verdict_lines(verdict: Verdict, results: Sequence[ItemResult], report: str, redactor: Redactor) -> list[Line]:
    """Lines with pytest's markup names. At most six where all is well."""
    colour = _COLOURS[verdict.verdict]
    lines: list[Line] = [
        (f"{verdict.verdict.value.upper()}  {_headline(verdict, results)}", {colour: True, "bold": True})
    ]
    for reason in verdict.reasons[:_REASONS]:
        # Redacted before it is cut: half of a secret would not be recognised.
        message = _first_line(redactor.text(reason.message))
        lines += [(f"  {reason.kind}: {reason.rule}: {message}", {_REASON_COLOURS[reason.kind]: True})]
    if len(verdict.reasons) > _REASONS:
        lines.append((f"  ... and {len(verdict.reasons) - _REASONS} more reasons in the report", {}))
    again = next(
        (result.reproduce for result in results if result.outcome in _TO_REPEAT and result.reproduce),
        "",
    )
    if again:
        lines.append((f"  again:  {again}", {}))
    lines.append((f"  report: {report}", {}))
    return [(redactor.text(text), markup) for text, markup in lines]


def _headline(verdict: Verdict, results: Sequence[ItemResult]) -> str:
    scenarios = {(result.file, result.name) for result in results if result.tier}
    places = list(dict.fromkeys(f"{result.tier}-{result.flink_version}" for result in results if result.tier))
    counts = (
        ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in verdict.counts.items() if count)
        or "nothing ran"
    )
    what = (
        f"{len(scenarios)} scenario{'s' if len(scenarios) != 1 else ''} on {', '.join(places)}: " if scenarios else ""
    )
    return f"{what}{counts}"


def _first_line(text: str) -> str:
    line = text.partition("\n")[0]
    return line if len(line) <= 200 else line[:197] + "..."
