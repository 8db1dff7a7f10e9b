"""``report.html``: the report as one page that needs no network and no script."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import escape

from pytest_flink_agents.checks.bounds import number_text
from pytest_flink_agents.gate import UNITS, Answer, ItemResult, Outcome, Verdict, VerdictKind
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.baseline_table import baseline_table
from pytest_flink_agents.report.covered import engines_of, not_covered
from pytest_flink_agents.report.evidence_file import EVIDENCE_FILE, PICTURE_FILE
from pytest_flink_agents.report.failure_card import ShownFailure, shown_failure
from pytest_flink_agents.report.files import write_text
from pytest_flink_agents.report.scenario_table import (
    WORDS,
    column_of,
    compared_runs,
    counts_of,
    promise_table,
    scenario_table,
)
from pytest_flink_agents.report.shorten import shorten, shorten_line
from pytest_flink_agents.version import __version__

_TEMPLATE = "page.html.j2"
# The worst first: who opens a report wants to know what failed.
_ORDER = (Outcome.FAILED, Outcome.FLAKY, Outcome.UNKNOWN, Outcome.NOT_RUN)
# The colours of answers to rules: the class of a verdict.
_KINDS = {Answer.MET: "promote", Answer.NOT_MET: "block", Answer.UNKNOWN: "inconclusive"}
_NEXT_STEPS = {
    VerdictKind.PROMOTE: "Promote: what was asked for ran, and nothing failed that counts.",
    VerdictKind.BLOCK: "Do not promote: something is proven wrong.",
    VerdictKind.INCONCLUSIVE: "Do not promote yet: what is named below was not shown.",
}
_DIFFERENCES = 50
_EVIDENCE = (EVIDENCE_FILE, "effects.jsonl", "logs/", "events/")
_FIGURES = {
    "latency_p95": "Latency (p95)",
    "tokens": "Tokens",
    "cost": "Cost",
    "recovery": "Recovery",
    "duration": "Duration",
}
# The page stays below three megabytes: what does not fit is in the evidence.
_OPENED = 20
_PICTURE_BYTES = 100_000
_CONTENT_BYTES = 2_200_000
_CUT_DETAIL = 500


@dataclass(frozen=True, slots=True)
class PageFacts:
    """The content of the page besides the results: ``finished`` is a time in ISO 8601."""

    verdict: Verdict
    environment: Mapping[str, str]
    finished: str


def write_page(path: Path, facts: PageFacts, redactor: Redactor) -> None:
    """Write ``report.html``: verdict and reasons, the scenarios on each tier, failures, environment."""
    # Every text is masked before it is escaped: the redactor would not recognise what is left.
    verdict = facts.verdict
    page = _Page(path.parent, verdict.results, redactor)
    templates = Environment(loader=PackageLoader(__package__, "."), autoescape=True, undefined=StrictUndefined)
    text = templates.get_template(_TEMPLATE).render(
        verdict=verdict.verdict.value,
        counts=counts_of(verdict),
        numbers=[(name.replace("_", " "), count) for name, count in verdict.counts.items() if count],
        next_step=_NEXT_STEPS[verdict.verdict],
        finished=facts.finished.replace("T", " ").replace("+00:00", " UTC").replace("Z", " UTC"),
        version=__version__,
        reasons=page.reasons(verdict),
        first=page.first(),
        engines=engines_of(verdict.results),
        not_covered=not_covered(verdict.results),
        policy=page.line(verdict.policy),
        profile=page.line(verdict.profile),
        rules=[
            {
                "rule": one.rule,
                "demanded": page.line(one.demanded),
                "answer": str(one.answer),
                "kind": _KINDS[one.answer],
                "seen": page.line(one.seen),
            }
            for one in verdict.rules
        ],
        baseline=page.baseline(verdict),
        environment=[(name, page.line(value)) for name, value in facts.environment.items() if value],
        **page.tables(),
        promises=page.promises(),
        compared=page.compared(),
        groups=page.groups(),
    )
    write_text(path, redactor.text(text))


class _Page:
    """The results as the template shows them."""

    def __init__(self, folder: Path, results: Sequence[ItemResult], redactor: Redactor) -> None:
        self._folder = folder
        self._redactor = redactor
        self._results = results
        self._anchors = {result.node_id: f"result-{number}" for number, result in enumerate(results, start=1)}
        self._bytes_left = _CONTENT_BYTES

    def line(self, text: str) -> str:
        """Return a text as one line, without secrets."""
        return shorten_line(self._redactor.line(text))

    def reasons(self, verdict: Verdict) -> list[dict[str, Any]]:
        """Return the reasons; one entry for those that differ only in tier and version."""
        named = {result.node_id: result for result in self._results}
        found: dict[tuple[str, ...], dict[str, Any]] = {}
        for reason in verdict.reasons:
            result = named.get(reason.node_id)
            name = result.name if result else ""
            message = reason.message.removeprefix(f"{reason.node_id}: ") if result else reason.message
            entry = {
                "kind": str(reason.kind),
                "rule": reason.rule,
                "name": self.line(name),
                "message": self.line(message),
            }
            shown = found.setdefault((*entry.values(), result.file if result else ""), {**entry, "places": []})
            if result:
                shown["places"].append((column_of(result) if result.tier else "test", self._anchors[result.node_id]))
        return list(found.values())

    def first(self) -> dict[str, str]:
        """Return the item to begin with: its place on the page and the command that repeats it; empty if all is well."""
        wrong = self._wrong()
        return {"anchor": self._anchors[wrong[0].node_id], "command": self._again(wrong[0])} if wrong else {}

    def _wrong(self) -> list[ItemResult]:
        return [result for outcome in _ORDER for result in self._results if result.outcome is outcome]

    def _again(self, result: ItemResult) -> str:
        return self._redactor.line(result.reproduce)

    def anchor(self, node_id: str) -> str:
        """Return the place of an item on the page, empty for none."""
        return self._anchors.get(node_id, "")

    def tables(self) -> dict[str, Any]:
        """Return a row for each scenario and a column for each tier and version."""
        table = scenario_table(self._results)
        rows = [
            {
                "name": self.line(row.name),
                "about": [self.line(value) for value in row.about],
                "cells": [self._cell(row.cells.get(column)) for column in table.columns],
            }
            for row in table.rows
        ]
        return {"columns": table.columns, "given": table.given, "rows": rows}

    def baseline(self, verdict: Verdict) -> dict[str, Any]:
        """Return the figures beside those of the baseline, the largest increases first."""
        table = baseline_table(verdict)
        rows = [[self.line(text) for text in row] for row in table.rows]
        return {"name": self.line(table.name), "rows": rows, "left_out": table.left_out}

    def promises(self) -> dict[str, Any]:
        """Return a row for each run with faults and a column for each promise."""
        table = promise_table(self._results)
        rows = [(self.line(row.name), [standing or "" for standing in row.standings]) for row in table.rows]
        return {"columns": table.columns, "rows": rows, "reasons": [self.line(text) for text in table.reasons]}

    def compared(self) -> list[dict[str, Any]]:
        """Return each run that was compared with another one, and the differences side by side."""
        return [
            {
                "node_id": self.line(each.node_id),
                "anchor": self.anchor(each.node_id),
                "lines": [self.line(text) for text in each.lines],
                "columns": [self.line(text) for text in each.columns],
                "rows": [[self.line(text) for text in row] for row in each.rows],
            }
            for each in compared_runs(self._results, _DIFFERENCES)
        ]

    def groups(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """Return what is not as it should be, the worst first, and then everything else."""
        wrong = self._wrong()
        right = [result for result in self._results if result.outcome not in _ORDER]
        titled = (("Not passed", wrong), ("Passed, skipped and known", right))
        return [(title, list(self._shown(results))) for title, results in titled if results]

    def _shown(self, results: Sequence[ItemResult]) -> Iterator[dict[str, Any]]:
        for number, result in enumerate(results):
            text = self._redactor.text(result.detail)
            about = {"Requirement": result.requirement, "Owner": result.owner, "Runs": result.runs, **_figures(result)}
            opened = result.outcome in _ORDER and number < _OPENED
            yield {
                **self._named(result),
                "opened": opened,
                "name": self.line(result.name),
                "column": column_of(result) if result.tier else "test",
                "place": self.line(f"{result.file}:{result.line}" if result.line else result.file),
                "message": self.line(result.message),
                "failure": self._failure(result) if opened else None,
                "detail": self._detail(shorten(text, result.evidence), result.evidence),
                "picture": self._picture(result),
                "about": [(name, self.line(value)) for name, value in about.items() if value],
                "reproduce": self._again(result),
                "evidence": quote(result.evidence),
                "files": self._files(result),
            }

    def _cell(self, result: ItemResult | None) -> dict[str, str] | None:
        return (
            {**self._named(result), "duration": f"{result.duration_s:.1f} s" if result.ran else ""} if result else None
        )

    def _named(self, result: ItemResult) -> dict[str, str]:
        word = WORDS[result.outcome]
        return {"outcome": result.outcome.value, "word": word, "anchor": self._anchors[result.node_id]}

    def _file(self, result: ItemResult, name: str) -> Path:
        return self._folder / result.evidence / name

    def _is_inside(self, file: Path) -> bool:
        """Return False for a link to elsewhere: the folder of another machine may have one."""
        return file.resolve().is_relative_to(self._folder.resolve())

    def _files(self, result: ItemResult) -> list[tuple[str, str]]:
        """Return the names and addresses of the evidence that exists."""
        if not result.evidence:
            return []
        names = [name for name in _EVIDENCE if self._file(result, name).exists()]
        return [(name.rstrip("/"), quote(f"{result.evidence}/{name}")) for name in names]

    def _picture(self, result: ItemResult) -> str:
        """Return the picture of a run as an address that holds it, empty if there is none."""
        file = self._file(result, PICTURE_FILE)
        if (
            not result.evidence
            or not self._is_inside(file)
            or not file.is_file()
            or file.stat().st_size > _PICTURE_BYTES
        ):
            return ""
        address = f"data:image/svg+xml;base64,{base64.b64encode(file.read_bytes()).decode()}"
        return address if self._fits(address) else ""

    def _failure(self, result: ItemResult) -> ShownFailure | None:
        file = self._file(result, EVIDENCE_FILE)
        failure = shown_failure(file) if result.evidence and self._is_inside(file) else None
        return failure if failure and self._fits(repr(failure)) else None

    def _detail(self, text: str, evidence: str) -> str:
        if self._fits(text):
            return text
        where = f", all in {evidence}" if evidence else ""
        return f"{text[:_CUT_DETAIL]}\n... {len(text) - _CUT_DETAIL} more characters{where}"

    def _fits(self, text: str) -> bool:
        """Return whether the page has space left for a text, and take it."""
        size = len(escape(text).encode())
        fits = size <= self._bytes_left
        self._bytes_left -= size if fits else 0
        return fits


def _figures(result: ItemResult) -> dict[str, str]:
    """Return the figures that are known, as texts."""
    known = {word: figure.value for word, figure in result.figures.items() if figure.value is not None}
    return {_FIGURES[word]: f"{number_text(value)}{UNITS[word]}" for word, value in known.items() if word in _FIGURES}
