"""Choose the engine that executes agents on Flink.

It is the bundled one, or upstream's jars.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from packaging.version import Version

from flink_testbed.artifacts.environments import JobEnvironment
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.flink.options import PARENT_FIRST
from pytest_flink_agents.vocabulary import Engine

BUNDLED = Engine.BUNDLED

# The flink-agents API that the bundled engine executes: older releases have other events. What differs
# between these releases is found in the installed package, by the engine itself.
_BUNDLED_FROM, _BUNDLED_BEFORE = Version("0.3.dev0"), Version("1.0.dev0")
# From Java 21 on, upstream suspends Java actions with an internal class of the JDK, which must be
# exported to it.
_CONTINUATION_FLAG = "--add-exports=java.base/jdk.internal.vm=ALL-UNNAMED"
_CONTINUATION_JAVA = 21
# Loaded by the cluster, never by a job. pemja's native library can be loaded once in a JVM only, so
# that the second job with a class loader of its own would fail; and a job that brings upstream's
# classes must not mix its copy with the cluster's.
UPSTREAM_PARENT_FIRST = "pemja.;org.apache.flink.agents."


@dataclass(frozen=True, slots=True)
class ChosenEngine:
    """The engine of one job environment.

    ``jars`` are upstream's, none for the bundled engine. ``reason`` explains why ``auto`` did not
    choose upstream's.
    """

    name: Engine
    version: str = ""
    jars: tuple[Path, ...] = ()
    reason: str = ""

    def digests(self) -> Mapping[str, str]:
        """Return the sha256 of each jar by its file name."""
        return _digests(self.jars)

    def in_words(self) -> str:
        """Return the engine with its version and jars, for the report."""
        if self.name is Engine.BUNDLED:
            return str(self.name) + (f" ({self.reason})" if self.reason else "")
        jars = ", ".join(f"{name} sha256 {digest}" for name, digest in self.digests().items())
        return f"{self.name} {self.version}: {jars}"


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """The additions of an engine to a cluster: classes, flags, options."""

    classes: tuple[Path, ...] = ()
    java_flags: tuple[str, ...] = ()
    flink_options: Mapping[str, str] = field(default_factory=dict)


@lru_cache(maxsize=8)
def _digests(jars: tuple[Path, ...]) -> dict[str, str]:
    # Together they have about 100 MB, and the report needs them twice.
    return {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in jars}


def choose_engine(asked: Engine, environment: JobEnvironment) -> ChosenEngine:
    """Return the engine that ``asked`` means in a job environment.

    ``auto`` is upstream if the environment holds the jars for its Flink version, else bundled.
    Raises ``HostError`` FA424 if upstream was asked for by name and the jars are missing, FA425 if
    the bundled engine does not fit.
    """
    version = environment.flink_agents_version
    if asked is not Engine.BUNDLED and environment.upstream_jars:
        return ChosenEngine(Engine.UPSTREAM, version, environment.upstream_jars)
    if asked is Engine.UPSTREAM:
        raise HostError(
            Problem(
                "FA424",
                "the upstream engine is not available",
                where=str(environment.site_packages / "flink_agents" / "lib"),
                expected=f"flink-agents with its jars for Flink {'.'.join(environment.flink_version.split('.')[:2])}",
                seen=f"flink-agents {version}: {environment.upstream_reason}",
                next_step="use --flink-engine=bundled, or a flink-agents that has the jars: --flink-agents=VERSION or a wheel",
            )
        )
    require_bundled(environment)
    unavailable = f"upstream not available: {environment.upstream_reason}" if asked is Engine.AUTO else ""
    return ChosenEngine(Engine.BUNDLED, reason=unavailable)


def require_bundled(environment: JobEnvironment) -> None:
    """Raise ``HostError`` FA425 if the bundled engine does not fit flink-agents."""
    version = environment.flink_agents_version
    if not _BUNDLED_FROM <= Version(version) < _BUNDLED_BEFORE:
        jars = "use its upstream jars: --flink-tier=embedded --flink-engine=upstream"
        raise HostError(
            Problem(
                "FA425",
                f"the bundled engine does not execute agents of flink-agents {version}",
                expected="flink-agents 0.3 or 0.4: in older ones events are classes, and 1.0 is not known yet",
                seen=f"flink-agents {version}",
                next_step=jars if environment.upstream_jars else "use --flink-agents=0.3.1",
            )
        )


def require_java(engine: ChosenEngine, environment: JobEnvironment) -> None:
    """Raise ``HostError`` FA424 if the engine runs no Java agents."""
    if engine.name is Engine.BUNDLED:
        raise HostError(
            Problem(
                "FA424",
                "a Java agent runs on upstream's engine only",
                where=str(environment.site_packages / "flink_agents" / "lib"),
                expected="flink-agents with its jars, and --flink-engine=auto or upstream",
                seen=f"flink-agents {environment.flink_agents_version}, engine {engine.in_words()}",
                next_step="use a flink-agents that has the jars (--flink-agents=VERSION or a wheel, or "
                "--flink-job-python), test the whole job (job: {jar: ...}), or write the agent in Python",
            )
        )


def engine_settings(engine: ChosenEngine, java_version: str) -> EngineSettings:
    """Return the additions of an engine to a cluster's configuration."""
    if engine.name is Engine.BUNDLED:
        return EngineSettings()
    flags = (_CONTINUATION_FLAG,) if int(java_version.split(".", maxsplit=1)[0]) >= _CONTINUATION_JAVA else ()
    options = {PARENT_FIRST: UPSTREAM_PARENT_FIRST}
    if flags:
        # The testbed passes the flags itself; this is for JVMs of the cluster that Flink's own
        # scripts start.
        options["env.java.opts.all"] = " ".join(flags)
    return EngineSettings(engine.jars, flags, options)
