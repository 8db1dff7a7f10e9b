"""The classes of this project that run in a JVM: between a Java agent and the records, and between Java and Python."""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable, Sequence
from pathlib import Path

from flink_testbed.artifacts.environments import JobEnvironment
from flink_testbed.artifacts.java import JavaRuntime
from flink_testbed.artifacts.java_classes import provide_classes


def provide_agent_classes(
    environment: JobEnvironment, engine_jars: Sequence[Path], java: JavaRuntime, progress: Callable[[str], None]
) -> Path:
    """Return the jar with the classes between a Java agent and the records of a run."""
    source = importlib.resources.files("flink_agents_runtime.on_flink") / "java" / "JsonLines.java"
    jars = (*sorted((environment.flink_home / "lib").glob("*.jar")), *engine_jars)
    sources = {"flinkagents/gate/JsonLines.java": source.read_text(encoding="utf-8")}
    return provide_classes(sources, jars, java.java, progress=progress)


def provide_bridge(environment: JobEnvironment, java: JavaRuntime, progress: Callable[[str], None]) -> tuple[Path, ...]:
    """Return the jars that the bundled engine's JVM for Java parts needs, besides the user's.

    They are its own classes, upstream's jars if the job environment has them, and Flink's.
    """
    root = importlib.resources.files("flink_agents_runtime.java") / "classes"
    files = (root / "flinkagents" / "bridge").iterdir()
    sources = {f"flinkagents/bridge/{file.name}": file.read_text(encoding="utf-8") for file in files}
    bridge = provide_classes(sources, (), java.java, progress=progress)
    return (bridge, *environment.upstream_jars, *sorted((environment.flink_home / "lib").glob("*.jar")))
