"""The names of a session's clusters."""

from __future__ import annotations

import json

from flink_testbed.artifacts.versions import FlinkRelease, resolve_flink
from pytest_flink_agents.provision.variant import SESSION_CLUSTER, ClusterVariant
from pytest_flink_agents.vocabulary import Tier


def cluster_name(
    tier: Tier, release: FlinkRelease, requirements: tuple[str, ...], variant: ClusterVariant = SESSION_CLUSTER
) -> str:
    """Return the name under which workers ask the broker for a cluster."""
    return json.dumps([tier.value, release.version, requirements, variant.options, variant.slots])


def cluster_named(name: str) -> tuple[Tier, FlinkRelease, tuple[str, ...], ClusterVariant]:
    """Return the arguments of :func:`cluster_name`."""
    tier, version, requirements, options, slots = json.loads(name)
    variant = ClusterVariant(tuple((key, value) for key, value in options), slots)
    return Tier(tier), resolve_flink(version), tuple(requirements), variant


def part_name(tier: Tier, variant: ClusterVariant) -> str:
    """Return the name of a cluster among the parts of its environment."""
    if variant == SESSION_CLUSTER:
        return f"{tier} cluster"
    differences = [f"{key}={value}" for key, value in variant.options]
    differences += [f"{variant.slots} slots"] if variant.slots else []
    differences += ["high availability"] if variant.high_availability else []
    differences += ["a proxy"] if variant.rpc_proxy else []
    differences += ["faults"] if variant.breakable else []
    return f"{tier} cluster with {', '.join(differences)}"
