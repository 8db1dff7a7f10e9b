"""Java parts of Python agents on the bundled engine (``make test-cross-language``).

The API that they need is the one of flink-agents 0.1.1: no later jar is available where these tests run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest

from flink_testbed.artifacts.environments import EnvironmentRequest, provide_environment
from flink_testbed.artifacts.java_classes import provide_classes
from flink_testbed.artifacts.versions import resolve_flink
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.run.subject import AllowedNetwork
from pytest_flink_agents.vocabulary import Tier
from tests.integration.conftest import session_environment
from tests.support.runs import AgentRun, run

__all__ = ["session_environment"]

SOURCES = Path(__file__).with_name("java")
AGENTS = "tests.bundled_java.agents"


@pytest.fixture(scope="session")
def api_jar() -> Path:
    """Upstream's jar of flink-agents 0.1.1, whose package is for Flink 1.20."""
    request = EnvironmentRequest(resolve_flink("1.20.3"), "0.1.1")
    (jar,) = provide_environment(request, progress=lambda line: None).upstream_jars
    return jar


@pytest.fixture(scope="session")
def shop_jar(session_environment: TestEnvironment, api_jar: Path) -> Path:
    """The jar with the tests' own Java classes."""
    sources = {str(path.relative_to(SOURCES)): path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.java")}
    return provide_classes(sources, [api_jar], session_environment.java.java, progress=lambda line: None)


class RunJava(Protocol):
    """Runs an agent of the tests on inputs, which are the values of one key."""

    def __call__(
        self,
        agent: str,
        *values: Any,
        tier: Tier = Tier.LOCAL,
        jars: Sequence[Path] | None = None,
        network: AllowedNetwork | None = None,
        **config: Any,
    ) -> Evidence:
        """Return the evidence."""


@pytest.fixture
def run_java(session_environment: TestEnvironment, api_jar: Path, shop_jar: Path, tmp_path: Path) -> RunJava:
    """Run an agent of the tests with its jars in the option java.class-path."""

    def run_agent(
        agent: str,
        *values: Any,
        tier: Tier = Tier.LOCAL,
        jars: Sequence[Path] | None = None,
        network: AllowedNetwork | None = None,
        **config: Any,
    ) -> Evidence:
        options: Mapping[str, Any] = {"java.class-path": [str(jar) for jar in jars or (shop_jar, api_jar)], **config}
        spec = {"agent": f"{AGENTS}:{agent}", "resources": {}}
        inputs = [{"key": "ada", "value": value} for value in values]
        return run(AgentRun("java", spec, options, inputs, 60.0, tmp_path, network=network), session_environment, tier)

    return run_agent
