"""Read one configuration, judge it and where it lies, and say it in lines or as JSON."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from flink_testbed.core.problem import HostError, Problem
from pytest_flink_agents.cli.lint.rules import ERROR, WARNING, Finding, empty, judge
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.scenario.document import parse

_CURRENT, _LEGACY = "config.yaml", "flink-conf.yaml"
_VARIABLE = "FLINK_CONF_DIR"


def lint(path: Path, *, as_json: bool) -> tuple[int, str]:
    """The exit code (0 without an error, else 1) and the text. Raises ``HostError`` FA460 for a file that is not there."""
    try:
        data = path.read_bytes()
    except OSError as error:
        next_step = "name a Flink configuration, as conf/config.yaml"
        raise HostError(
            Problem("FA460", "cannot read it", str(path), seen=str(error.strerror), next_step=next_step)
        ) from None
    redact = Redactor(os.environ).text
    found = [
        dataclasses.replace(finding, message=redact(finding.message), seen=redact(finding.seen))
        for finding in [*findings(data, str(path)), *place(path, os.environ)]
    ]
    failed = any(finding.severity == ERROR for finding in found)
    return int(failed), as_document(found, str(path)) if as_json else as_lines(found, str(path))


def findings(data: bytes, name: str) -> list[Finding]:
    """What is wrong in the text of a configuration."""
    documents, problems = parse(data, name)
    if problems:
        return [_unreadable(problem) for problem in problems]
    if not documents:
        return [empty()]
    if len(documents) > 1:
        line, column = documents[1].mark(())
        return [
            Finding("FA460", ERROR, line, column, "a second document", "one document", "more", "write a file for each")
        ]
    return judge(documents[0])


def place(path: Path, environment: Mapping[str, str]) -> list[Finding]:
    """Whether the file is where this machine's client would read it."""
    file = path.resolve()
    found = []
    if file.name not in (_CURRENT, _LEGACY):
        message = f"flink-agents looks for {_CURRENT}, or {_LEGACY}; a file of this name is read only where a program names it"
        found.append(Finding("FA469", WARNING, 1, 1, message, next_step=f"call it {_CURRENT}"))
    if file.name == _LEGACY:
        both = (file.parent / _CURRENT).exists()
        message = f"Java reads {_CURRENT} alone" + (", which is there too: Python reads this one" if both else "")
        found.append(Finding("FA469", WARNING, 1, 1, message, next_step=f"move its content to {_CURRENT}"))
    elif (file.parent / _LEGACY).exists():
        message = f"{_LEGACY} lies beside it, and Python reads that one in its place"
        found.append(Finding("FA469", WARNING, 1, 1, message, next_step=f"remove {_LEGACY}"))
    directory = environment.get(_VARIABLE, "")
    # Options travel inside the job: what a TaskManager's own file says is never read.
    next_step = f"where the job is submitted from, not on a TaskManager: export {_VARIABLE}={file.parent}"
    if not directory:
        message = f"{_VARIABLE} is not set here: a client program on this machine reads no file, and says nothing"
        found.append(Finding("FA469", WARNING, 1, 1, message, next_step=next_step))
    elif Path(directory).is_file():
        message = f"{_VARIABLE} is a file, and nothing is read: it has to be the directory"
        found.append(Finding("FA469", ERROR, 1, 1, message, seen=directory, next_step=next_step))
    elif Path(directory).resolve() != file.parent:
        message = f"{_VARIABLE} leads elsewhere: a client program on this machine does not read this file"
        found.append(Finding("FA469", WARNING, 1, 1, message, seen=directory, next_step=next_step))
    return found


def as_lines(found: Sequence[Finding], name: str) -> str:
    """A finding with its place, what was expected and what helps; at the end how many there are."""
    lines = []
    for finding in found:
        lines.append(f"{name}:{finding.line}:{finding.column}: {finding.severity}: {finding.code}: {finding.message}")
        told = (("expected", finding.expected), ("seen", finding.seen), ("next", finding.next_step))
        lines += [f"  {label + ':':<9} {text}" for label, text in told if text]
    errors = sum(finding.severity == ERROR for finding in found)
    return "\n".join([*lines, f"{errors} errors, {len(found) - errors} warnings"])


def as_document(found: Sequence[Finding], name: str) -> str:
    """JSON: ``ok``, ``file``, ``findings`` (code, severity, line, column, message, expected, seen, next_step)."""
    ok = all(finding.severity != ERROR for finding in found)
    document = {"ok": ok, "file": name, "findings": [dataclasses.asdict(finding) for finding in found]}
    return json.dumps(document, indent=2)


def _unreadable(problem: Problem) -> Finding:
    *_, line, column = problem.where.rsplit(":", 2)
    message = problem.message.replace("a scenario file", "a configuration")
    return Finding("FA460", ERROR, int(line), int(column), message, problem.expected, problem.seen, problem.next_step)
