"""Two runs beside each other, as lines of 80 columns."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator, Sequence

from pytest_flink_agents.compare.sides import Comparison
from pytest_flink_agents.redact import Redactor

WIDTH = 80
# The widths of place, baseline and candidate, which two separators of three characters divide.
_WIDTHS = (24, 25, 25)
_ROWS = 20
_ROW_LINES = 8


def masked(comparison: Comparison, redactor: Redactor) -> Comparison:
    """Return a comparison without secrets; its counts are none, whatever the secrets are."""
    counts = {"keys": comparison.keys, "differing": comparison.differing, "left_out": comparison.left_out}
    return Comparison.from_data({**redactor.data(comparison), **counts})


def side_by_side(comparison: Comparison, rows: int = _ROWS) -> list[str]:
    """Return the differences by key, at most so many ``rows``. Secrets must be masked before: texts are wrapped."""
    shown = comparison.rows[:rows]
    lines = list(_cells("", comparison.baseline, comparison.candidate)) if shown else []
    for (key, record), group in itertools.groupby(shown, key=lambda row: (row.key, row.record or row.aspect)):
        lines.append(_short(f"key {key}, {record}", WIDTH))
        lines += [line for row in group for line in _cells(row.place, row.baseline, row.candidate)]
    if more := len(comparison.rows) - len(shown) + comparison.left_out:
        lines.append(f"... and {more} more differences; report.json has the first {len(comparison.rows)}")
    lines += [f"{name}: {before} -> {after}" for name, before, after in comparison.figures]
    return [*lines, *comparison.remarks]


def _cells(*texts: str) -> Iterator[str]:
    columns = [_wrapped(text, width) for text, width in zip(texts, _WIDTHS, strict=True)]
    for cells in itertools.zip_longest(*columns, fillvalue=""):
        line = " | ".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True))
        yield line.rstrip()


def _wrapped(text: str, width: int) -> Sequence[str]:
    lines = textwrap.wrap(text, width, break_on_hyphens=False) or [""]
    return (
        lines if len(lines) <= _ROW_LINES else [*lines[: _ROW_LINES - 1], _short(lines[_ROW_LINES - 1] + " ...", width)]
    )


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 4]} ..."
