"""What executes agents on Flink, the bundled engine or upstream's jars, and what a cluster needs for either."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packaging.version import Version

from flink_testbed.artifacts.environments import JobEnvironment
from flink_testbed.core.problem import HostError, Problem
from pytest_flink_agents.vocabulary import Engine

BUNDLED = Engine.BUNDLED

# The API that the bundled engine executes. Older releases have other events; newer ones other plans.
_BUNDLED_FROM, _BUNDLED_BEFORE = Version("0.3.dev0"), Version("0.4.dev0")
# Upstream's continuations of Java actions reach into the JDK, from Java 21 on.
_CONTINUATION_FLAG = "--add-exports=java.base/jdk.internal.vm=ALL-UNNAMED"
_CONTINUATION_JAVA = 21
# pemja must be loaded once in a JVM; and where a job brings upstream's classes too, the cluster's count.
_PARENT_FIRST = ("pemja.", "org.apache.flink.agents.")


@dataclass(frozen=True, slots=True)
class ChosenEngine:
    """The engine of one job environment. ``jars`` are upstream's, none for the bundled engine; ``reason`` says why this one."""

    name: Engine
    version: str = ""
    jars: tuple[Path, ...] = ()
    reason: str = ""

    def digests(self) -> Mapping[str, str]:
        """The sha256 of each jar, by its file name."""
        return {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in self.jars}

    def in_words(self) -> str:
        """For the report: which engine, and what exactly."""
        if self.name is Engine.BUNDLED:
            return str(self.name) + (f" ({self.reason})" if self.reason else "")
        jars = ", ".join(f"{name} sha256 {digest}" for name, digest in self.digests().items())
        return f"{self.name} {self.version}: {jars}"


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What a cluster is started with for an engine: more classes, JVM flags, Flink options."""

    classes: tuple[Path, ...] = ()
    java_flags: tuple[str, ...] = ()
    flink_options: Mapping[str, str] = field(default_factory=dict)


def choose_engine(asked: Engine, environment: JobEnvironment) -> ChosenEngine:
    """The engine that ``asked`` (``auto``, ``bundled``, ``upstream``) comes to in a job environment.

    ``auto`` is upstream where the environment holds the jars for its Flink, else bundled. Raises :class:`HostError`
    FA424 where the engine asked for cannot be had.
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
                next_step="--flink-engine=bundled, or name a flink-agents that has them: --flink-agents=VERSION or a wheel",
            )
        )
    require_bundled(environment)
    unavailable = f"upstream not available: {environment.upstream_reason}" if asked is Engine.AUTO else ""
    return ChosenEngine(Engine.BUNDLED, reason=unavailable)


def require_bundled(environment: JobEnvironment) -> None:
    """Raises :class:`HostError` FA425 for a flink-agents whose agents the bundled engine cannot execute."""
    version = environment.flink_agents_version
    if not _BUNDLED_FROM <= Version(version) < _BUNDLED_BEFORE:
        jars = "it has upstream's jars: --flink-tier=embedded --flink-engine=upstream"
        raise HostError(
            Problem(
                "FA425",
                f"the bundled engine does not execute agents of flink-agents {version}",
                expected="flink-agents 0.3 (0.3.0, 0.3.1): older ones tell events by class, newer ones listen to conditions",
                seen=f"flink-agents {version}",
                next_step=jars if environment.upstream_jars else "--flink-agents=0.3.1",
            )
        )


def engine_settings(engine: ChosenEngine, java_version: str) -> EngineSettings:
    """What a cluster needs to run jobs of an engine, besides what every cluster has."""
    if engine.name is Engine.BUNDLED:
        return EngineSettings()
    flags = (_CONTINUATION_FLAG,) if int(java_version.split(".", maxsplit=1)[0]) >= _CONTINUATION_JAVA else ()
    options = {"classloader.parent-first-patterns.additional": ";".join(_PARENT_FIRST)}
    if flags:
        # For whoever starts a JVM of this cluster by Flink's own scripts.
        options["env.java.opts.all"] = " ".join(flags)
    return EngineSettings(engine.jars, flags, options)
