"""Java agents and Python agents with upstream's classes: flink-agents 0.1.1 on Flink 1.20 (``make test-cross-language``)."""

from __future__ import annotations

from pathlib import Path

import pytest

from flink_testbed.artifacts.java_classes import provide_classes
from pytest_flink_agents.current import SETTINGS
from pytest_flink_agents.provision.environment import TestEnvironment
from tests.integration.conftest import run_request, session_environment

__all__ = ["run_request", "session_environment"]

SOURCES = Path(__file__).with_name("java")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Collect nothing without that release: other ones have another API."""
    return None if config.stash[SETTINGS].flink_agents.startswith("0.1") else True


@pytest.fixture(scope="session")
def shop_jar(session_environment: TestEnvironment) -> Path:
    """The jar with the tests' own Java classes."""
    sources = {str(path.relative_to(SOURCES)): path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.java")}
    jars = (*session_environment.environment.flink_home.glob("lib/*.jar"), *session_environment.engine.jars)
    java = session_environment.java.java
    return provide_classes(sources, sorted(jars), java, progress=lambda line: None)
