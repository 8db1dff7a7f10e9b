"""The bridge between JVM and Python in thread mode.

It consists of pemja and Flink's Python jar in a job environment.
"""

from __future__ import annotations

from dataclasses import dataclass

from flink_testbed.artifacts.environments import JobEnvironment
from pytest_flink_agents.cli.doctor.check import FAIL, OK, Check

NAME = "pemja"


@dataclass(frozen=True, slots=True)
class Bridge:
    """The parts of the bridge.

    ``version`` of pemja is empty if it is not installed; ``libraries`` are its native ones for this Python, ``jars`` Flink's
    own for Python.
    """

    version: str
    libraries: tuple[str, ...]
    jars: tuple[str, ...]


def look_at_bridge(environment: JobEnvironment) -> Bridge:
    """Return the parts by their files alone: loading them would start a JVM."""
    packages = environment.site_packages
    major, minor = environment.python_version.split(".")[:2]
    tag = f"cpython-{major}{minor}-"
    versions = [path.name.removesuffix(".dist-info").partition("-")[2] for path in packages.glob("pemja-*.dist-info")]
    libraries = [path.name for path in (packages / "pemja").glob("pemja_core*.so") if tag in path.name]
    jars = [path.name for path in (environment.flink_home / "opt").glob("flink-python-*.jar")]
    return Bridge(versions[0] if versions else "", tuple(libraries), tuple(sorted(jars)))


def judge_bridge(name: str, bridge: Bridge, flink_version: str) -> list[Check]:
    """Return the check of the bridge.

    Thread mode needs all three parts, and one class loader for the jar's classes.
    """
    again = "reinstall apache-flink for this Python"
    if not bridge.version:
        return [Check(FAIL, name, "not installed: no Python runs inside a TaskManager", again)]
    if not bridge.libraries:
        return [Check(FAIL, name, f"{bridge.version} has no native library for this Python", again)]
    if [jar for jar in bridge.jars if flink_version in jar] != list(bridge.jars) or len(bridge.jars) != 1:
        held = ", ".join(bridge.jars) or "none"
        return [
            Check(
                FAIL,
                name,
                f"{bridge.version}, but the jars are not exactly flink-python-{flink_version}: {held}",
                again,
            )
        ]
    return [Check(OK, name, f"{bridge.version}, loaded once and parent first by the clusters of this package")]
