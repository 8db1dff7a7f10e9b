"""Read one Flink configuration and judge its content and its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from flink_testbed.core.problem import Problem
from pytest_flink_agents.scenario.configuration import CURRENT, LEGACY, NOT_READ
from pytest_flink_agents.scenario.configuration.finding import ERROR, WARNING, Finding, finding_of
from pytest_flink_agents.scenario.configuration.rules import empty, judge
from pytest_flink_agents.scenario.document import parse

_VARIABLE = "FLINK_CONF_DIR"


def configuration_findings(path: Path, environment: Mapping[str, str]) -> list[Finding]:
    """Return the findings of a configuration file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        next_step = "name a Flink configuration, such as conf/config.yaml"
        return [Finding("FA460", ERROR, 1, 1, "the file cannot be read", "", str(error.strerror), next_step)]
    return [*findings(data, str(path)), *place(path, environment)]


def findings(data: bytes, name: str) -> list[Finding]:
    """Return the findings in the text of a configuration."""
    documents, problems = parse(data, name)
    if problems:
        return [_unreadable(problem) for problem in problems]
    if not documents:
        return [empty()]
    if len(documents) > 1:
        line, column = documents[1].mark(())
        message = "the file holds a second document"
        return [Finding("FA460", ERROR, line, column, message, "one document", "more", "write a file for each")]
    return judge(documents[0])


def place(path: Path, environment: Mapping[str, str]) -> list[Finding]:
    """Return the reasons why no client program on this machine reads the file."""
    # A link to a file elsewhere is read at its own place, such as a mounted configuration.
    file = path.parent.resolve() / path.name
    found = []
    if file.name not in (CURRENT, LEGACY):
        message = f"flink-agents looks for {CURRENT} or {LEGACY}: only a program that names this file reads it"
        found.append(_misplaced(message, f"call it {CURRENT}"))
    if file.name == LEGACY:
        both = (file.parent / CURRENT).exists()
        message = f"Java reads {CURRENT} alone" + (", which exists too: Python reads this file" if both else "")
        found.append(_misplaced(message, f"move its content to {CURRENT}"))
    elif (file.parent / LEGACY).exists():
        message = f"{LEGACY} is in the same directory, and Python reads that file instead"
        found.append(_misplaced(message, f"remove {LEGACY}"))
    directory = environment.get(_VARIABLE, "")
    # Options travel inside the job: the file of a TaskManager is never read.
    next_step = f"on the machine that submits the job, not on a TaskManager: export {_VARIABLE}={file.parent}"
    if not directory:
        message = f"{_VARIABLE} is not set: a client program on this machine reads no file and does not say so"
        found.append(_misplaced(message, next_step))
    elif Path(directory).is_file():
        message = f"{_VARIABLE} is a file, and nothing is read: it has to be the directory"
        found.append(dataclasses.replace(_misplaced(message, next_step, directory), severity=ERROR))
    elif Path(directory).resolve() != file.parent:
        message = f"{_VARIABLE} is another directory: a client program on this machine does not read this file"
        found.append(_misplaced(message, next_step, directory))
    return found


def _misplaced(message: str, next_step: str, seen: str = "") -> Finding:
    return Finding(NOT_READ, WARNING, 1, 1, message, seen=seen, next_step=next_step)


def _unreadable(problem: Problem) -> Finding:
    found = finding_of(problem, ERROR, "FA460")
    return dataclasses.replace(found, message=found.message.replace("a scenario file", "a configuration"))
