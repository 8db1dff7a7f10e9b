"""The running parts of one test environment: worker, clusters, submitter.

Each part is started on first use and kept for the session.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flink_testbed.artifacts.gateway_token import token_variables
from flink_testbed.artifacts.versions import FlinkRelease
from flink_testbed.core.problem import HostError
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.config import ClusterConfig
from flink_testbed.flink.launched import LaunchedCluster
from flink_testbed.ownership.detached import DetachedService
from flink_testbed.responder import Responder
from pytest_flink_agents.provision.client import client_variables
from pytest_flink_agents.provision.engine_choice import choose_engine, require_bundled
from pytest_flink_agents.provision.job_parts import JobParts
from pytest_flink_agents.provision.session_clusters import SessionClusters
from pytest_flink_agents.provision.tiers import CLUSTER_PROVIDERS
from pytest_flink_agents.provision.variant import SESSION_CLUSTER, ClusterVariant
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import Engine, Tier

if TYPE_CHECKING:
    from flink_testbed.flink.cluster_broker import BrokerClient

# By these, coverage measures the processes that a measured one starts. Source: coverage's documentation
# of subprocesses.
_MEASURED_BY = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
_WORKER_READY_S = 60.0
_SUBMITTER_READY_S = 90.0


class TestEnvironment(JobParts):
    """The job dependencies and running processes for one Flink release."""

    # Not a test class, whatever its name suggests to pytest.
    __test__ = False

    def __init__(
        self,
        settings: Settings,
        release: FlinkRelease,
        requirements: tuple[str, ...],
        *,
        run_id: str,
        directory: Path,
        progress: Callable[[str], None],
        broker_client: BrokerClient | None = None,
        folder: Path | None = None,
        python: str = "",
    ) -> None:
        super().__init__(
            settings,
            release,
            requirements,
            run_id=run_id,
            directory=directory,
            progress=progress,
            folder=folder,
            python=python,
        )
        self._worker: Responder | None = None
        # True while nothing but the early start has asked for a part.
        self._only_early = False
        self._submitter: Responder | None = None
        self._languages: Responder | None = None
        self._clusters = SessionClusters(self, broker_client)

    def provide(self, tier: Tier, *, submits_agents: bool = True, variant: ClusterVariant = SESSION_CLUSTER) -> None:
        """Start the parts that runs on a tier need.

        Called before a run, whose deadline must not include the start. Raises ``HostError`` if a
        part cannot start.
        """
        if tier is Tier.LOCAL:
            self.worker()
        elif submits_agents:
            self.submitter(tier, variant)
        else:
            self.cluster(tier, variant)

    def worker(self) -> Responder:
        """Return the warm process of the local tier, ready.

        One that died or hung is replaced.
        """
        self._only_early = False
        worker = self._started_worker()
        worker.wait_ready(_WORKER_READY_S)
        return worker

    def start_worker_early(self) -> None:
        """Start the process of the local tier without waiting for it, unless its environment has yet to be built."""
        if self.has_environment:
            self._only_early = True
            self._started_worker()

    def _started_worker(self) -> Responder:
        require_bundled(self.environment)
        if self._worker is None or not self._worker.usable:
            self.directory.mkdir(parents=True, exist_ok=True)
            terminal = self.settings.debug_terminal
            added = {"FLINK_AGENTS_DEBUG_TERMINAL": terminal} if terminal else {}
            added |= {name: os.environ[name] for name in _MEASURED_BY if name in os.environ}
            self._worker = Responder(
                [str(self.environment.python), "-m", "flink_agents_runtime.local.worker"],
                name="local worker",
                log=self.directory / "local-worker.log",
                env=self.job_environment_variables(**added),
                cwd=self.settings.root,
            )
        return self._worker

    def cluster(self, tier: Tier = Tier.EMBEDDED, variant: ClusterVariant = SESSION_CLUSTER) -> FlinkCluster:
        """Return the session's running cluster of a tier, or its variant, also if the controller owns it."""
        self._only_early = False
        return self._clusters.cluster(tier, variant)

    def usable_cluster(self, tier: Tier, variant: ClusterVariant = SESSION_CLUSTER) -> FlinkCluster:
        """Return this process's cluster of a tier, replaced if it died or was abandoned."""
        self._only_early = False
        return self._clusters.usable(tier, variant)

    def own_cluster(self, tier: Tier, variant: ClusterVariant = SESSION_CLUSTER) -> FlinkCluster:
        """Return this process's cluster of a tier without a health check."""
        self._only_early = False
        return self._clusters.own(tier, variant)

    def new_cluster(self, config: ClusterConfig, directory: Path, *, tier: Tier = Tier.EMBEDDED) -> LaunchedCluster:
        """Return a new cluster, not started yet.

        The caller starts and ends it.
        """
        self._only_early = False
        return CLUSTER_PROVIDERS[tier].new_cluster(self, config, directory)

    def client_process(
        self, program: Sequence[str], *, name: str, variables: Mapping[str, str] | None = None
    ) -> Responder:
        """Start a Python program of the job environment that uses Flink's client.

        Its log is named after it. ``variables`` are added to its environment.
        """
        self._only_early = False
        conf = self.directory / "client"
        return Responder(
            [str(self.environment.python), *program],
            name=name,
            log=self.directory / f"{name.replace(' ', '-')}.log",
            env=self.job_environment_variables(
                **client_variables(self.environment.flink_home, self.java.home, conf),
                **(self.settings.remote.client_environment() if self.settings.remote else {}),
                **(variables or {}),
            ),
            cwd=self.settings.root,
        )

    def _token(self) -> Mapping[str, str]:
        """Return the environment variables of a client whose gateway requires a token, and write its jar."""
        return token_variables(self.environment.flink_home, self.directory / "client" / "lib", progress=self.progress)

    def submitter(self, tier: Tier = Tier.EMBEDDED, variant: ClusterVariant = SESSION_CLUSTER) -> Responder:
        """Return the warm process that builds and submits jobs.

        It starts at the same time as the cluster, since both wait for a JVM.
        """
        if self._submitter is None or not self._submitter.usable:
            self._once.forget("submitter")
            program = ["-m", "flink_agents_runtime.on_flink.submitter", self.engine.name.value]
            self._submitter = self.client_process(program, name="job submitter", variables=self._token())
        submitter = self._submitter
        self.cluster(tier, variant)
        self._once.get("submitter", lambda: submitter.wait_ready(_SUBMITTER_READY_S))
        return submitter

    def languages(self) -> Responder:
        """Return the process that reads plans and configurations by upstream's classes of both languages.

        Raises ``HostError`` FA424 if the job environment has no jars of upstream.
        """
        if self._languages is None or not self._languages.usable:
            engine = choose_engine(Engine.UPSTREAM, self.environment)
            program = ["-m", "flink_agents_runtime.on_flink.languages", *map(str, engine.jars)]
            self._languages = self.client_process(program, name="languages", variables=self._token())
            self._languages.wait_ready(_SUBMITTER_READY_S)
        return self._languages

    def digests(self) -> dict[str, str]:
        """Return the digests of the parts that were made, empty if nothing has run on them."""
        return {} if self._only_early else super().digests()

    def facts(self) -> dict[str, str]:
        """Return the versions of the parts and clusters, for the report; empty if nothing has run on them."""
        if self._only_early:
            return {}
        return super().facts() | self._clusters.facts()

    def detach_clusters(self) -> list[DetachedService]:
        """Let the session's clusters that this process started outlive it.

        Variants end with the session: no later one looks for them.
        """
        return self._clusters.detach()

    def close(self) -> None:
        """End everything that was started, last first."""
        for process in (self._submitter, self._worker, self._languages):
            if process:
                process.kill()
        self._clusters.close()
        containers = self._once.made("containers")
        # What could not be provided is its error.
        if containers and not isinstance(containers, HostError):
            self.containers.close()
