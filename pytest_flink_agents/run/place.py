"""The place of a run: a tier of a test environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from flink_testbed.flink.cluster import FlinkCluster
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.provision.flink_setup import FlinkSetup
from pytest_flink_agents.vocabulary import Tier


@dataclass(frozen=True, slots=True)
class Place:
    """A tier of a test environment, with one run's directory and options.

    The directory exists.
    """

    environment: TestEnvironment
    tier: Tier
    directory: Path
    setup: FlinkSetup = field(default_factory=FlinkSetup)

    @property
    def cluster(self) -> FlinkCluster:
        """The cluster of the tier for these options, running. The local tier has none."""
        return self.environment.cluster(self.tier, self.setup.variant)

    @property
    def releases(self) -> str:
        """The releases of Flink, flink-agents and Python, in words."""
        flink, job = self.environment.release.version, self.environment.environment
        return f"Flink {flink}, flink-agents {job.flink_agents_version}, Python {job.python_version}"

    @property
    def events(self) -> Path:
        """The directory of the run's event logs, created."""
        directory = self.directory / "events"
        directory.mkdir(parents=True, exist_ok=True)
        return directory
