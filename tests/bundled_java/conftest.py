"""Java parts of Python agents on the bundled engine (``make test-cross-language``).

The API that they need is the one of flink-agents 0.1.1: no later jar is available where these tests run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest

from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.run.subject import AllowedNetwork
from pytest_flink_agents.vocabulary import Tier
from tests.bundled_java import jars
from tests.integration.conftest import session_environment
from tests.support.runs import AgentRun, run

__all__ = ["session_environment"]

AGENTS = "tests.bundled_java.agents"


@pytest.fixture(scope="session")
def api_jar() -> Path:
    """Upstream's jar."""
    return jars.api_jar()


@pytest.fixture(scope="session")
def shop_jar(session_environment: TestEnvironment, api_jar: Path) -> Path:
    """The jar with the tests' own Java classes."""
    return jars.shop_jar(session_environment, api_jar)


class RunJava(Protocol):
    """Runs an agent of the tests on inputs, which are the values of one key."""

    def __call__(
        self,
        agent: str,
        *values: Any,
        tier: Tier = Tier.LOCAL,
        class_path: Sequence[Path] | None = None,
        network: AllowedNetwork | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> Evidence:
        """Return the evidence."""


@pytest.fixture
def run_java(session_environment: TestEnvironment, api_jar: Path, shop_jar: Path, tmp_path: Path) -> RunJava:
    """Run an agent of the tests with its jars in the option java.class-path."""

    def run_agent(
        agent: str,
        *values: Any,
        tier: Tier = Tier.LOCAL,
        class_path: Sequence[Path] | None = None,
        network: AllowedNetwork | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> Evidence:
        options: Mapping[str, Any] = {
            "java.class-path": [str(jar) for jar in class_path or (shop_jar, api_jar)],
            **(config or {}),
        }
        spec = {"agent": f"{AGENTS}:{agent}", "resources": {}}
        inputs = [{"key": "ada", "value": value} for value in values]
        return run(AgentRun("java", spec, options, inputs, 60.0, tmp_path, network=network), session_environment, tier)

    return run_agent
