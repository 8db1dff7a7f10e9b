"""The jars of Python agents with parts in Java."""

from __future__ import annotations

from pathlib import Path

from flink_testbed.artifacts.environments import EnvironmentRequest, provide_environment
from flink_testbed.artifacts.java_classes import provide_classes
from flink_testbed.artifacts.versions import resolve_flink
from pytest_flink_agents.provision.environment import TestEnvironment

SOURCES = Path(__file__).with_name("java")


def api_jar() -> Path:
    """Return upstream's jar of flink-agents 0.1.1, whose package is for Flink 1.20."""
    request = EnvironmentRequest(resolve_flink("1.20.3"), "0.1.1")
    (jar,) = provide_environment(request, progress=lambda line: None).upstream_jars
    return jar


def shop_jar(environment: TestEnvironment, api: Path) -> Path:
    """Return the jar with the tests' own Java classes, compiled against upstream's jar."""
    sources = {str(path.relative_to(SOURCES)): path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.java")}
    return provide_classes(sources, [api], environment.java.java, progress=lambda line: None)
