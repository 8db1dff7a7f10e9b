"""The clusters of one tier: the session's own, and those with other options."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClusterVariant:
    """The difference between a cluster and the session's own one.

    ``options`` are Flink options of the cluster, ``slots`` the smallest number of slots of a
    TaskManager. Scenarios with equal variants share a cluster.
    """

    options: tuple[tuple[str, str], ...] = ()
    slots: int = 0


SESSION_CLUSTER = ClusterVariant()
