"""Versions in a job environment that do not go together, though each one is supported by itself.

Flink and Java, and Flink and Python, have checks of their own. Sources: the support table, the requirements that
apache-flink states for pemja, and this project's own runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from packaging.requirements import Requirement
from packaging.version import Version

from flink_testbed.artifacts.environments import JobEnvironment
from flink_testbed.artifacts.versions import AGENTS_LINES, FlinkLine, agents_line, incompatibility
from pytest_flink_agents.cli.doctor.check import FAIL, NOT_CHECKED, OK, Check

NAME = "versions"
# The Beam of Flink 1.20 imports pkg_resources in Python workers without a requirement that says so.
_BEAM_WITH_PKG_RESOURCES, _SETUPTOOLS_WITHOUT = Version("2.49"), Version("82")


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions in a job environment; empty if a part is not installed.

    ``python`` is a minor version. ``pemja_wanted`` is what the installed apache-flink requires, empty if unknown.
    """

    flink: str
    flink_agents: str
    python: str
    pemja: str = ""
    pemja_wanted: str = ""
    beam: str = ""
    setuptools: str = ""


def installed_versions(environment: JobEnvironment) -> Versions:
    """Return the versions by the metadata of the installed packages."""
    found = {
        each.metadata["Name"].lower(): each for each in metadata.distributions(path=[str(environment.site_packages)])
    }
    versions = {name: distribution.version for name, distribution in found.items()}
    flink = found.get("apache-flink")
    wanted = [Requirement(line) for line in (flink.requires or () if flink else ())]
    return Versions(
        flink=environment.flink_version,
        flink_agents=environment.flink_agents_version,
        python=".".join(environment.python_version.split(".")[:2]),
        pemja=versions.get("pemja", ""),
        pemja_wanted=next((str(each.specifier) for each in wanted if each.name.lower() == "pemja"), ""),
        beam=versions.get("apache-beam", ""),
        setuptools=versions.get("setuptools", ""),
    )


def judge_pairs(name: str, versions: Versions, line: FlinkLine) -> list[Check]:
    """Return a check for each incompatible pair and for what is not known of pairs, or one that there is none."""
    found = [Check(FAIL, name, seen, next_step) for seen, next_step in _incompatible(versions, line)]
    found += [Check(NOT_CHECKED, name, reason) for reason in _unknown(versions)]
    return found or [Check(OK, name, "no pair of them is known to be incompatible")]


def _unknown(versions: Versions) -> Iterator[str]:
    """Yield why nothing is known of a pair of installed parts."""
    if versions.flink_agents and agents_line(versions.flink_agents) is None:
        known = ", ".join(each.minor for each in AGENTS_LINES)
        yield f"flink-agents {versions.flink_agents} is none of the known releases ({known}): its Flink and Python are unknown"
    if versions.pemja and not versions.pemja_wanted:
        yield f"apache-flink {versions.flink or '(not installed)'} does not say which pemja it requires; this is {versions.pemja}"


def _incompatible(versions: Versions, line: FlinkLine) -> Iterator[tuple[str, str]]:
    """Yield the pair and the next step."""
    # An empty version would be the default one.
    agents = agents_line(versions.flink_agents) if versions.flink_agents else None
    if agents and (wrong := incompatibility(line, versions.flink_agents)):
        yield f"{wrong}, and this is Flink {versions.flink}", "install a flink-agents for this Flink"
    if agents and versions.python not in agents.pythons:
        supported = ", ".join(agents.pythons)
        seen = f"flink-agents {versions.flink_agents} is for Python {supported}, and this is Python {versions.python}"
        yield seen, f"create the environment with Python {agents.pythons[-1]}"
    if versions.pemja and versions.pemja_wanted and not _fits(versions.pemja, versions.pemja_wanted):
        seen = f"pemja {versions.pemja}, and apache-flink {versions.flink} has the Java side of pemja {versions.pemja_wanted}"
        yield seen, "install apache-flink and all other packages in one resolve"
    if _is_older(versions.beam, _BEAM_WITH_PKG_RESOURCES) and not _is_older(versions.setuptools, _SETUPTOOLS_WITHOUT):
        seen = (
            f"apache-beam {versions.beam} imports pkg_resources in process mode, and setuptools "
            f"{versions.setuptools or '(not installed)'} does not have it"
        )
        yield seen, 'install "setuptools<82" beside it'


def _fits(version: str, wanted: str) -> bool:
    return Requirement(f"pemja{wanted}").specifier.contains(version, prereleases=True)


def _is_older(version: str, limit: Version) -> bool:
    return bool(version) and Version(version) < limit
