"""The explanation of a failed scenario.

It has the lines of the scenario, expected beside seen, and the events of the key in question.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from flink_agents_runtime.engine.failure import RULE
from flink_testbed.flink.rest_keys import browser_note
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.outputs import identity
from pytest_flink_agents.compare.sides import Comparison
from pytest_flink_agents.evidence.model import UNLOCATED, Event, Evidence, StepRecord
from pytest_flink_agents.provision.flink_setup import HARNESS
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.shorten import shorten
from pytest_flink_agents.report.side_by_side import masked, side_by_side
from pytest_flink_agents.vocabulary import OUTPUT_EVENT, Tier

T = TypeVar("T")

_FINDINGS = 8
_BEGIN, _END = 20, 10
_KEYS_NAMED = 5
_VALUE_LINES = 24
# The time of a comparison grows with the square of the number of lines.
_COMPARED_LINES = 2000
_TRACE_LINES = 25
_WIDTH = 110
# Two colons at the start of a line, whatever blanks are before them, or a bracket behind two hashes anywhere.
_COMMAND = re.compile(r"^[^\S\n]*:(?=:)|#(?=#\[)", re.MULTILINE)


def failure_text(
    results: Sequence[CheckResult],
    evidence: Evidence,
    *,
    where: Sequence[tuple[str, Sequence[tuple[int, str]]]],
    reproduce: str,
    redactor: Redactor,
    whole: str = "evidence.json",
    comparison: Comparison | None = None,
) -> str:
    """Return the explanation of all findings, and the ``comparison`` of the run with its baseline.

    ``where[i]`` belongs to the i-th finding of all results: ``file:line`` and the scenario's own lines there. ``whole`` is
    the path of the file that holds what the text cuts. Secrets are masked before anything is cut, because a part of a
    secret would not be recognised.
    """
    evidence = _masked(evidence, redactor)
    findings = [
        (result, _masked(finding, redactor))
        for result in results
        for finding in result.findings
        if result.validity is not Validity.VALID
    ]
    lines: list[str] = []
    for (result, finding), (place, source) in zip(findings[:_FINDINGS], where, strict=False):
        lines += [*_finding(result, finding, place, source), ""]
    if len(findings) > _FINDINGS:
        lines += [f"... and {len(findings) - _FINDINGS} more findings, all in the run folder", ""]
    if comparison is not None and comparison.rows:
        lines += [*side_by_side(masked(comparison, redactor)), ""]
    lines += _steps(evidence)
    lines += _job_failure(evidence)
    lines += _timelines(
        dict.fromkeys(identity(finding.key) for _, finding in findings[:_FINDINGS] if finding.key is not None),
        evidence,
    )
    if evidence.log_tail:
        lines += ["end of the logs:", *_indented(evidence.log_tail.splitlines()[-_TRACE_LINES:]), ""]
    if evidence.printed:
        lines += ["the agent printed and logged:", *_indented(evidence.printed.splitlines()[-_TRACE_LINES:]), ""]
    lines += _replaced_options(evidence)
    lines += _where_to_look(evidence)
    # The command to run it again is never cut.
    return _without_commands(redactor.text("\n".join([shorten("\n".join(lines), whole), f"again: {reproduce}"])))


def _without_commands(text: str) -> str:
    """Return the text with a backslash in what GitHub Actions reads as a command.

    An agent that prints ``::error::`` or ``::add-mask::`` must not speak to the server.
    """
    return _COMMAND.sub(r"\g<0>\\", text)


def _masked(value: T, redactor: Redactor) -> T:
    """Return a copy of evidence or a finding without secrets in any text or data."""
    if isinstance(value, tuple):
        return tuple(_masked(item, redactor) for item in value)  # type: ignore[return-value]  # still a T
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _masked(getattr(value, field.name), redactor) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    masked: T = redactor.data(value)
    return masked


def _finding(result: CheckResult, finding: Finding, place: str, source: Sequence[tuple[int, str]]) -> list[str]:
    doubt = f"{result.check}: cannot be judged: " if result.validity is Validity.UNKNOWN else ""
    lines = [f"{place}: {doubt}{finding.message}"]
    lines += [f"  > {number:4} | {text}" for number, text in source[:12]]
    if finding.expected is not None or finding.seen is not None:
        lines += _beside(finding.expected, finding.seen)
    return lines


def _beside(expected: Any, seen: Any) -> list[str]:
    """Return two short values one below the other, and two long ones as a difference."""
    one, other = _json_lines(expected)[:_COMPARED_LINES], _json_lines(seen)[:_COMPARED_LINES]
    if len(one) == len(other) == 1:
        return [f"    expected: {one[0]}", f"    seen:     {other[0]}"]
    difference = list(difflib.unified_diff(one, other, "expected", "seen", lineterm="", n=2))[2:]
    shown = difference or one
    cut = [f"... {len(shown) - _VALUE_LINES} more lines"] if len(shown) > _VALUE_LINES else []
    return ["    expected (-) beside seen (+):", *_indented([*shown[:_VALUE_LINES], *cut], 6)]


def _json_lines(value: Any) -> list[str]:
    if isinstance(value, str):
        return value.splitlines() or [""]
    text = json.dumps(value, ensure_ascii=False, default=str)
    return [text] if len(text) <= _WIDTH else json.dumps(value, ensure_ascii=False, default=str, indent=1).splitlines()


def _steps(evidence: Evidence) -> list[str]:
    """Return what was done to the run on purpose: a failure is read in its light."""
    if not evidence.steps:
        return []
    lines = [f"  {step.act}, {step.trigger}: {_fired(step)}" for step in evidence.steps]
    return ["done to the run on purpose, in seconds since its start:", *lines, ""]


def _fired(step: StepRecord) -> str:
    if step.fired_after_s is None:
        return "not reached"
    return "; ".join(filter(None, (f"at {step.fired_after_s:.1f} s", step.detail)))


def _job_failure(evidence: Evidence) -> list[str]:
    failure = evidence.failure
    if failure is None:
        return []
    lines = [f"the job failed: {failure.words}"]
    if failure.action:
        given = json.dumps(failure.input, ensure_ascii=False, default=str)
        agent = f"agent {failure.agent}, " if failure.agent else ""
        place = f"key {identity(failure.key)}, input {_cut(given)}" if failure.located else UNLOCATED
        lines.append(f"  {agent}action {failure.action}, {place}")
        lines.append(f"  {RULE}; before that: {_kept(evidence)}")
    return [*lines, *_indented(failure.traceback.rstrip().splitlines()[-_TRACE_LINES:]), ""]


def _kept(evidence: Evidence) -> str:
    """Return the number and the keys of the outputs before a failure.

    On Flink they may not have been committed.
    """
    emitted = evidence.outputs or [event for event in evidence.events if event.type == OUTPUT_EVENT]
    if not emitted:
        return "no output"
    keys = list(dict.fromkeys(identity(each.key) for each in emitted))
    more = f" and {len(keys) - _KEYS_NAMED} more" if len(keys) > _KEYS_NAMED else ""
    where = "evidence.json" if evidence.outputs else "the event log (they were not committed)"
    at_least = "at least " if evidence.events_unknown and not evidence.outputs else ""
    return f"{at_least}{len(emitted)} outputs, of {', '.join(keys[:_KEYS_NAMED])}{more}, kept in {where}"


def _replaced_options(evidence: Evidence) -> list[str]:
    """Return a line about a team's options that a run could not honour, if there are any."""
    rows = [*evidence.flink_config.items(), *evidence.config.items()]
    replaced = [key for key, row in rows if row["source"] == HARNESS and row["note"]]
    if not replaced:
        return []
    named = ", ".join(replaced[:_KEYS_NAMED]) + (", ..." if len(replaced) > _KEYS_NAMED else "")
    return [f"options that the run replaced or left out: {len(replaced)} ({named}); evidence.json has the reasons"]


def _where_to_look(evidence: Evidence) -> list[str]:
    """Return lines about the thread dump and the job's page, as far as there are any."""
    lines = []
    if "threads" in evidence.files:
        when = "at the deadline" if evidence.timed_out_after_s is not None else "of the job that did not stop"
        lines.append(f"threads {when}: {evidence.files['threads']}")
    if evidence.ui_url:
        note = browser_note(evidence.ui_url) if evidence.tier == Tier.EMBEDDED else ""
        lines.append(
            f"job {evidence.job_id} ({evidence.job_state}), while its cluster lives at {evidence.ui_url}{note}"
        )
    return lines


def _timelines(keys: Iterable[str], evidence: Evidence) -> list[str]:
    named = list(keys)[:3]
    lines = [f"events may be missing: {evidence.events_unknown}", ""] if named and evidence.events_unknown else []
    for key in named:
        # Some releases log no keys: then all events are shown.
        of_key = [event for event in evidence.events if event.key is None or identity(event.key) == key]
        lines.append(
            f"what happened to key {key} ({len(of_key)} events):" if of_key else f"no event of key {key} was logged"
        )
        left_out = len(of_key) - _BEGIN - _END
        for number, event in enumerate(of_key, 1):
            if left_out <= 0 or not _BEGIN < number <= len(of_key) - _END:
                lines.append(f"  {number:3}. {event.type:<34} {_cut(_attributes(event))}")
            elif number == _BEGIN + 1:
                lines.append(f"       ... {left_out} more")
        lines.append("")
    return lines


def _attributes(event: Event) -> str:
    values = list(event.attributes.values())
    return json.dumps(values[0] if len(values) == 1 else dict(event.attributes), ensure_ascii=False, default=str)


def _cut(text: str) -> str:
    """Cut a long text at a blank, never inside a word."""
    if len(text) <= _WIDTH:
        return text
    head = text[: _WIDTH - 3]
    return head[: head.rfind(" ") + 1] + "..."


def _indented(lines: Iterable[str], by: int = 4) -> list[str]:
    return [" " * by + line for line in lines]
