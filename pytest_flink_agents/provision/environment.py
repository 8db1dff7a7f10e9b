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
from flink_testbed.ownership.detached import DetachedService, hold_detached
from flink_testbed.responder import Responder
from pytest_flink_agents.provision.client import client_variables
from pytest_flink_agents.provision.cluster_name import cluster_name, part_name
from pytest_flink_agents.provision.engine_choice import choose_engine, require_bundled
from pytest_flink_agents.provision.job_parts import JobParts
from pytest_flink_agents.provision.tiers import CLUSTER_PROVIDERS
from pytest_flink_agents.provision.variant import SESSION_CLUSTER, ClusterVariant
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import Engine, Tier

if TYPE_CHECKING:
    from flink_testbed.flink.cluster_broker import BrokerClient

# The codes of a cluster that has lost a process, and of one that was ended because of one of its jobs.
PROCESS_DIED = "FA407"
CLUSTER_ABANDONED = "FA457"
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
        self._broker_client = broker_client
        self._worker: Responder | None = None
        # True while nothing but the early start has asked for a part.
        self._only_early = False
        self._submitter: Responder | None = None
        self._languages: Responder | None = None
        self._clusters: dict[tuple[Tier, ClusterVariant], FlinkCluster] = {}

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
        """Return the session's running cluster of a tier, or its variant.

        In a worker of pytest-xdist it is the controller's, except on the remote tier, and if its
        processes may be killed.
        """
        if self._broker_client is None or not CLUSTER_PROVIDERS[tier].shared or variant.breakable:
            return self.usable_cluster(tier, variant)
        self._only_early = False
        part = part_name(tier, variant)
        cluster = self._once(part, lambda: self._shared_cluster(tier, variant))
        if _loss(cluster):
            self._discard_cluster(tier, variant)
            cluster = self._once(part, lambda: self._shared_cluster(tier, variant))
        return cluster

    def _shared_cluster(self, tier: Tier, variant: ClusterVariant) -> FlinkCluster:
        assert self._broker_client is not None
        name = cluster_name(tier, self.release, self.requirements, variant)
        self._clusters[tier, variant] = self._broker_client.cluster(name)
        return self._clusters[tier, variant]

    def usable_cluster(self, tier: Tier, variant: ClusterVariant = SESSION_CLUSTER) -> FlinkCluster:
        """Return this process's cluster of a tier, replaced if it died or was abandoned.

        An agent that ends or blocks its TaskManager must not fail the scenarios after it. An
        external cluster is not replaced.
        """
        cluster = self.own_cluster(tier, variant)
        loss = _loss(cluster)
        if loss:
            self.progress(f"Flink {self.release.version}, {tier} tier: {loss}; starting another cluster")
            self._discard_cluster(tier, variant)
            cluster = self.own_cluster(tier, variant)
        return cluster

    def own_cluster(self, tier: Tier, variant: ClusterVariant = SESSION_CLUSTER) -> FlinkCluster:
        """Return this process's cluster of a tier without a health check.

        It starts on first use.
        """
        self._only_early = False
        return self._once(part_name(tier, variant), lambda: self._start_cluster(tier, variant))

    def _discard_cluster(self, tier: Tier, variant: ClusterVariant) -> None:
        self._clusters.pop((tier, variant)).close()
        del self._made[part_name(tier, variant)]

    def _start_cluster(self, tier: Tier, variant: ClusterVariant) -> FlinkCluster:
        if variant != SESSION_CLUSTER:
            self._end_variants()
            reason = "faults need" if variant.breakable else "the configuration needs"
            self.progress(f"Flink {self.release.version}: {reason} a cluster of its own")
        self._clusters[tier, variant] = CLUSTER_PROVIDERS[tier].session_cluster(self, variant)
        return self._clusters[tier, variant]

    def _end_variants(self) -> None:
        """End the variants that run, because each needs as much memory as the session's cluster.

        With several processes another one may still use them.
        """
        if self.settings.processes == 1:
            for tier, variant in tuple(self._clusters):
                if variant != SESSION_CLUSTER:
                    self._discard_cluster(tier, variant)

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
            self._made.pop("submitter", None)
            program = ["-m", "flink_agents_runtime.on_flink.submitter", self.engine.name.value]
            self._submitter = self.client_process(program, name="job submitter", variables=self._token())
        submitter = self._submitter
        self.cluster(tier, variant)
        self._once("submitter", lambda: submitter.wait_ready(_SUBMITTER_READY_S))
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
        facts = super().facts()
        for (tier, variant), cluster in self._clusters.items():
            facts[part_name(tier, variant)] = cluster.summary()
            facts |= CLUSTER_PROVIDERS[tier].facts(self)
        return facts

    def detach_clusters(self) -> list[DetachedService]:
        """Let the session's clusters that this process started outlive it.

        Variants end with the session: no later one looks for them.
        """
        held = []
        for (tier, variant), cluster in tuple(self._clusters.items()):
            detached = cluster.detach() if variant == SESSION_CLUSTER else None
            if detached is None:
                continue
            provider = CLUSTER_PROVIDERS[tier]
            # First a holder, then out of this session's record: a cluster without either would
            # never be ended.
            held.append(hold_detached(detached, provider.digest(self)))
            provider.forget(self, held[-1].directory)
            del self._clusters[tier, variant]
        return held

    def close(self) -> None:
        """End everything that was started, last first."""
        for process in (self._submitter, self._worker, self._languages):
            if process:
                process.kill()
        for cluster in self._clusters.values():
            cluster.close()
        containers = self._made.get("containers")
        # What could not be provided is its error.
        if containers and not isinstance(containers, HostError):
            self.containers.close()


def _loss(cluster: FlinkCluster) -> str:
    """Return why a cluster has to be replaced, empty if it is usable.

    Raises other ``HostError``s.
    """
    try:
        cluster.require_alive()
    except HostError as error:
        problem = error.problems[0]
        if problem.code == CLUSTER_ABANDONED or (problem.code == PROCESS_DIED and cluster.processes is not None):
            return problem.message
        raise
    return ""
