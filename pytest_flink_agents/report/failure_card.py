"""The failure of one run for a page: what its scenario expects beside what was seen, and what happened to the key.

Made of ``evidence.json``, so that the page of a merged report has it, too.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.checks.outputs import identity
from pytest_flink_agents.report.shorten import shorten_line

_FINDINGS = 3
_VALUE_LINES = 24
_SOURCE_LINES = 8
_BEGIN, _END = 12, 8
# A value that fits a column is on one line.
_ONE_LINE = 44
# The page stays small, and reading it must not take longer than the run.
_BYTES = 4_000_000
_SAVEPOINT = re.compile(r"\b[a-z0-9]+:/\S*/(savepoint-[\w-]+)")


@dataclass(frozen=True, slots=True)
class ValueLine:
    """One line of a value, and whether it differs from the other value."""

    text: str
    differs: bool


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """One finding: ``place`` is ``file:line`` in the scenario, ``source`` its lines there; values are empty if it has none."""

    message: str
    place: str
    source: tuple[tuple[int, str], ...]
    expected: tuple[ValueLine, ...]
    seen: tuple[ValueLine, ...]


@dataclass(frozen=True, slots=True)
class ShownFailure:
    """The first findings of a run, and the history of the key that they are about: pairs of event type and content.

    ``key`` is empty if they are about none. ``steps`` are what was done to the run on purpose: time, act, and what came
    of it. ``left_out`` counts the findings that are not shown, ``doubt`` says why events may be missing.
    """

    findings: tuple[ShownFinding, ...]
    left_out: int
    key: str
    events: tuple[tuple[str, str], ...]
    steps: tuple[tuple[str, str, str], ...]
    doubt: str


def shown_failure(file: Path) -> ShownFailure | None:
    """Return the failure that an ``evidence.json`` describes, None if the file is too large or has no failure."""
    try:
        if file.stat().st_size > _BYTES:
            return None
        data = json.loads(file.read_text(encoding="utf-8"))
        findings = [
            finding
            for check in data["checks"]
            if check["validity"] != Validity.VALID.value
            for finding in check["findings"]
        ]
        return _failure(data["evidence"], findings, data["places"]) if findings else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        # The text of the failure is on the page in any case.
        return None


def _failure(
    evidence: Mapping[str, Any], findings: Sequence[Mapping[str, Any]], places: Sequence[Mapping[str, Any]]
) -> ShownFailure:
    key = next((finding["key"] for finding in findings[:_FINDINGS] if finding["key"] is not None), None)
    shown = tuple(_finding(finding, place) for finding, place in zip(findings[:_FINDINGS], places, strict=False))
    return ShownFailure(
        shown,
        len(findings) - len(shown),
        "" if key is None else shorten_line(identity(key)),
        () if key is None else tuple(_events(evidence["events"], identity(key))),
        tuple(_step(step) for step in evidence["steps"]),
        shorten_line(str(evidence["events_unknown"])) if key is not None else "",
    )


def _finding(finding: Mapping[str, Any], place: Mapping[str, Any]) -> ShownFinding:
    expected, seen = _beside(finding["expected"], finding["seen"])
    source = tuple((int(number), shorten_line(str(text))) for number, text in place["lines"][:_SOURCE_LINES])
    return ShownFinding(shorten_line(str(finding["message"])), str(place["place"]), source, expected, seen)


def _beside(expected: Any, seen: Any) -> tuple[tuple[ValueLine, ...], tuple[ValueLine, ...]]:
    """Return the lines of two values, each with whether the other value has another one there."""
    if expected is None and seen is None:
        return (), ()
    one, other = _lines(expected), _lines(seen)
    blocks = difflib.SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    same = {block.a + offset for block in blocks for offset in range(block.size)}
    same_seen = {block.b + offset for block in blocks for offset in range(block.size)}
    return (
        tuple(ValueLine(text, number not in same) for number, text in enumerate(one)),
        tuple(ValueLine(text, number not in same_seen) for number, text in enumerate(other)),
    )


def _lines(value: Any) -> list[str]:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str) and len(text) > _ONE_LINE:
        text = json.dumps(value, ensure_ascii=False, indent=1)
    lines = [shorten_line(line) for line in text.splitlines()] or [""]
    cut = [f"... {len(lines) - _VALUE_LINES} more lines"] if len(lines) > _VALUE_LINES else []
    return [*lines[:_VALUE_LINES], *cut]


def _events(events: Sequence[Mapping[str, Any]], key: str) -> Iterator[tuple[str, str]]:
    # Some releases log no keys: then all events are shown.
    of_key = [event for event in events if event["key"] is None or identity(event["key"]) == key]
    left_out = len(of_key) - _BEGIN - _END
    for number, event in enumerate(of_key):
        if left_out <= 0 or not _BEGIN <= number < len(of_key) - _END:
            values = list(event["attributes"].values())
            content = values[0] if len(values) == 1 else event["attributes"]
            yield str(event["type"]), shorten_line(json.dumps(content, ensure_ascii=False))
        elif number == _BEGIN:
            yield "...", f"{left_out} more"


def _step(step: Mapping[str, Any]) -> tuple[str, str, str]:
    after_s = step["fired_after_s"]
    # The time of a step is that of its version's job; a version starts when the one before it has stopped.
    when = "not reached" if after_s is None else f"{after_s:.1f} s" if after_s else "then"
    # The whole address of a savepoint is in the evidence.
    act, detail = (shorten_line(_SAVEPOINT.sub(r"\1", str(step[word]))) for word in ("act", "detail"))
    return when, f"{act}, {step['trigger']}", detail
