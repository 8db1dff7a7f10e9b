"""The session's clusters of one test environment.

Each is started on first use and kept for the session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flink_testbed.core.problem import HostError
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.ownership.detached import DetachedService, hold_detached
from pytest_flink_agents.provision.cluster_name import cluster_name, part_name
from pytest_flink_agents.provision.job_parts import JobParts
from pytest_flink_agents.provision.made_once import MadeOnce
from pytest_flink_agents.provision.tiers import CLUSTER_PROVIDERS
from pytest_flink_agents.provision.variant import SESSION_CLUSTER, ClusterVariant
from pytest_flink_agents.vocabulary import Tier

if TYPE_CHECKING:
    from flink_testbed.flink.cluster_broker import BrokerClient

# The codes of a cluster that has lost a process, and of one that was ended because of one of its jobs.
PROCESS_DIED = "FA407"
CLUSTER_ABANDONED = "FA457"


class SessionClusters:
    """The cluster of each tier, and its variants.

    With a ``broker_client`` this process is a worker of pytest-xdist: the controller owns what is shared.
    """

    def __init__(self, parts: JobParts, broker_client: BrokerClient | None) -> None:
        self._parts = parts
        self._broker_client = broker_client
        self._once = MadeOnce()
        self._clusters: dict[tuple[Tier, ClusterVariant], FlinkCluster] = {}

    def cluster(self, tier: Tier, variant: ClusterVariant) -> FlinkCluster:
        """Return the session's running cluster of a tier, or its variant.

        In a worker of pytest-xdist it is the controller's, except on the remote tier, and if its
        processes may be killed.
        """
        if self._broker_client is None or not CLUSTER_PROVIDERS[tier].shared or variant.breakable:
            return self.usable(tier, variant)
        part = part_name(tier, variant)
        cluster = self._once.get(part, lambda: self._shared(tier, variant))
        if _loss(cluster):
            self._discard(tier, variant)
            cluster = self._once.get(part, lambda: self._shared(tier, variant))
        return cluster

    def _shared(self, tier: Tier, variant: ClusterVariant) -> FlinkCluster:
        assert self._broker_client is not None
        name = cluster_name(tier, self._parts.release, self._parts.requirements, variant)
        self._clusters[tier, variant] = self._broker_client.cluster(name)
        return self._clusters[tier, variant]

    def usable(self, tier: Tier, variant: ClusterVariant) -> FlinkCluster:
        """Return this process's cluster of a tier, replaced if it died or was abandoned.

        An agent that ends or blocks its TaskManager must not fail the scenarios after it. An
        external cluster is not replaced.
        """
        cluster = self.own(tier, variant)
        loss = _loss(cluster)
        if loss:
            version = self._parts.release.version
            self._parts.progress(f"Flink {version}, {tier} tier: {loss}; starting another cluster")
            self._discard(tier, variant)
            cluster = self.own(tier, variant)
        return cluster

    def own(self, tier: Tier, variant: ClusterVariant) -> FlinkCluster:
        """Return this process's cluster of a tier without a health check.

        It starts on first use.
        """
        return self._once.get(part_name(tier, variant), lambda: self._start(tier, variant))

    def _discard(self, tier: Tier, variant: ClusterVariant) -> None:
        self._clusters.pop((tier, variant)).close()
        self._once.forget(part_name(tier, variant))

    def _start(self, tier: Tier, variant: ClusterVariant) -> FlinkCluster:
        if variant != SESSION_CLUSTER:
            self._end_variants()
            reason = "faults need" if variant.breakable else "the configuration needs"
            self._parts.progress(f"Flink {self._parts.release.version}: {reason} a cluster of its own")
        self._clusters[tier, variant] = CLUSTER_PROVIDERS[tier].session_cluster(self._parts, variant)
        return self._clusters[tier, variant]

    def _end_variants(self) -> None:
        """End the variants that run, because each needs as much memory as the session's cluster.

        With several processes another one may still use them.
        """
        if self._parts.settings.processes == 1:
            for tier, variant in tuple(self._clusters):
                if variant != SESSION_CLUSTER:
                    self._discard(tier, variant)

    def facts(self) -> dict[str, str]:
        """Return a line on each cluster and the facts about its tier, for the report."""
        facts: dict[str, str] = {}
        for (tier, variant), cluster in self._clusters.items():
            facts[part_name(tier, variant)] = cluster.summary()
            facts |= CLUSTER_PROVIDERS[tier].facts(self._parts)
        return facts

    def detach(self) -> list[DetachedService]:
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
            held.append(hold_detached(detached, provider.digest(self._parts)))
            provider.forget(self._parts, held[-1].directory)
            del self._clusters[tier, variant]
        return held

    def close(self) -> None:
        """End the clusters, as far as this process owns them."""
        for cluster in self._clusters.values():
            cluster.close()


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
