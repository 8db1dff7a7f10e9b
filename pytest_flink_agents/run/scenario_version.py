"""A version of a scenario's agent on one tier: its code, environment and options."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from flink_testbed.artifacts.versions import FlinkRelease, resolve_flink
from pytest_flink_agents.provision.checkout import Checkout, provide_checkout
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.provision.flink_setup import HARNESS, ConfigRow, FlinkSetup, flink_setup
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.run.fault_steps import with_faults
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.scenario.load import LoadedScenario
from pytest_flink_agents.vocabulary import Engine, Tier, UpgradeMode

# Without it, a job that is cancelled removes its checkpoints. A candidate beside the baseline may have served, and is
# cancelled if the run breaks off.
_RETENTION = "execution.checkpointing.externalized-checkpoint-retention"


@dataclass(frozen=True, slots=True)
class ScenarioVersion:
    """One version of a scenario's agent, on one tier and Flink release.

    ``loaded`` has the words of this version. ``checkout`` is the commit with its code, None if the project has it.
    ``flink_agents`` and ``python`` are its own versions of these, empty for the session's. With ``apart`` it has processes that no
    other version uses.
    """

    services: Services
    loaded: LoadedScenario
    tier: Tier
    release: FlinkRelease
    checkout: Checkout | None = None
    flink_agents: str = ""
    python: str = ""
    apart: bool = False

    @property
    def environment(self) -> TestEnvironment:
        """The test environment with the version's requirements."""
        return self.services.environment(
            self.release,
            self.loaded.requirements(),
            checkout=self.checkout,
            flink_agents=self.flink_agents,
            python=self.python,
            apart=self.apart,
        )

    @property
    def engine(self) -> Engine:
        """The engine that executes the agent."""
        return Engine.BUNDLED if self.tier is Tier.LOCAL else self.environment.engine.name

    @property
    def setup(self) -> FlinkSetup:
        """The options of the scenario, of the team's configuration, and of this tier.

        Raises ``HostError`` FA440 for an option that an external cluster cannot have.
        """
        scenario, loaded = self.loaded.scenario, self.loaded
        setup = flink_setup(
            loaded.configuration,
            loaded.flink_options,
            self.services.settings,
            tier=self.tier,
            engine=self.engine if scenario.job is None else None,
            config=scenario.config,
        )
        setup.require_possible(loaded.flink_options)
        mode = UpgradeMode(scenario.upgrade.mode) if scenario.upgrade else None
        if mode in (UpgradeMode.LAST_STATE, UpgradeMode.BLUE_GREEN):
            row = ConfigRow("RETAIN_ON_CANCELLATION", HARNESS, f"upgrade.mode: {mode} needs it")
            setup = replace(setup, job={**setup.job, _RETENTION: row.value}, rows={**setup.rows, _RETENTION: row})
        return with_faults(setup, scenario.faults)

    def provide(self) -> None:
        """Start the parts that a run needs. Raises ``HostError`` if one cannot start."""
        environment = self.environment
        if self.loaded.scenario.has_java_agent:
            environment.provide_java_agents()
        submits_agents = self.loaded.scenario.job is None
        environment.provide(self.tier, submits_agents=submits_agents, variant=self.setup.variant)

    def place(self, directory: Path) -> Place:
        """Return the place of a run whose files are in ``directory``."""
        return Place(self.environment, self.tier, directory, self.setup)

    def before(self) -> ScenarioVersion | None:
        """Return the version that runs before this one, None without an upgrade.

        Its code is exported from git if the cache does not have it.

        Raises ``HostError`` FA435 for a commit that the repository does not have.
        """
        upgrade, services = self.loaded.scenario.upgrade, self.services
        if upgrade is None:
            return None
        words = upgrade.from_
        earlier = replace(
            self,
            loaded=self.loaded.before_upgrade(),
            release=resolve_flink(words.flink) if words.flink else self.release,
            checkout=provide_checkout(services.settings.root, words.git, services.progress) if words.git else None,
            flink_agents=words.flink_agents or "",
            python=words.python or "",
        )
        # A cluster with other options ends before the next one of its environment starts, and in the thread mode of one
        # cluster two versions that are alive would share environment variables and modules.
        return replace(earlier, apart=upgrade.both_alive or earlier.setup.variant != self.setup.variant)
