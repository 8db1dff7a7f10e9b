"""The options of a team's own Flink configuration, each with its line.

Must never import: pytest, anything that starts a process.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from flink_agents_runtime.config.catalogue import is_secret
from flink_testbed.flink.options import is_secret_option
from pytest_flink_agents.scenario.boundary.places import open_regular
from pytest_flink_agents.scenario.configuration import LEGACY, NOT_READ
from pytest_flink_agents.scenario.configuration.file import findings
from pytest_flink_agents.scenario.configuration.finding import ERROR, Finding
from pytest_flink_agents.scenario.configuration.rules import SECTION, SetOption, flink_options_in, options_in
from pytest_flink_agents.scenario.document import Document, parse
from pytest_flink_agents.scenario.reader import FILE_BYTES


@dataclass(frozen=True, slots=True)
class Placed:
    """The value of an option and its place as ``file:line``."""

    value: Any
    where: str


@dataclass(frozen=True, slots=True)
class TeamConfiguration:
    """A configuration file that flink-agents and Flink read as it is meant.

    ``agent`` are the options of flink-agents, ``flink`` those of Flink as the strings that Flink has
    in memory; both have dotted keys. ``name`` is the file for messages, relative to the project's
    root if it is inside.
    """

    name: str
    agent: Mapping[str, Placed]
    flink: Mapping[str, Placed]

    @property
    def secrets(self) -> frozenset[str]:
        """The values that must not leave a run, by the names of their options."""
        found = [placed.value for key, placed in self.agent.items() if is_secret(key)]
        found += [placed.value for key, placed in self.flink.items() if is_secret_option(key)]
        return frozenset(str(value) for value in found)


@dataclass(frozen=True, slots=True)
class ReadConfiguration:
    """A file as far as it can be used: None with errors among the findings."""

    content: TeamConfiguration | None
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> list[Finding]:
        """The findings for which the file is refused."""
        return [finding for finding in self.findings if finding.severity == ERROR]


def read_configuration(file: Path, name: str) -> ReadConfiguration:
    """Return the content of a configuration file, judged by the rules of the linter.

    ``name`` is the file for messages. Scenarios share files, so equal files are judged once.
    """
    if file.name == LEGACY:
        message = f"only Flink before 2.0 reads {LEGACY}, and the Java side of flink-agents never does"
        next_step = "name a config.yaml with its content; a list of `key: value` lines may need quotes there"
        return ReadConfiguration(None, (Finding(NOT_READ, ERROR, 1, 1, message, next_step=next_step),))
    try:
        with open_regular(file) as stream:
            return _judged(stream.read(FILE_BYTES + 1), name)
    except OSError as error:
        message, seen = "the configuration cannot be read", str(error.strerror)
        return ReadConfiguration(None, (Finding("FA460", ERROR, 1, 1, message, "a regular file", seen),))


@lru_cache(maxsize=32)
def _judged(data: bytes, name: str) -> ReadConfiguration:
    found = tuple(findings(data, name))
    if any(finding.severity == ERROR for finding in found):
        return ReadConfiguration(None, found)
    document = parse(data, name)[0][0]
    section = document.value.get(SECTION, {})
    agent = _placed(document, options_in(section, (SECTION,), ""))
    of_flink = _placed(document, flink_options_in(document.value))
    flink = {key: Placed(flink_text(placed.value), placed.where) for key, placed in of_flink.items()}
    return ReadConfiguration(TeamConfiguration(name, agent, flink), found)


def _placed(document: Document, options: Iterable[SetOption]) -> dict[str, Placed]:
    return {
        option.key: Placed(option.value, f"{document.file}:{document.mark(option.path, key=True).line}")
        for option in options
    }


def flink_text(value: Any) -> str:
    """Return a value of YAML as the string that Flink has in memory.

    A list becomes a YAML list in one line, which Flink reads again.
    """
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
