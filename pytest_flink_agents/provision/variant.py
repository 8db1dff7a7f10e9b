"""The clusters of one tier: the session's own, and those with other options."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClusterVariant:
    """The difference between a cluster and the session's own one.

    ``options`` are Flink options of the cluster, ``slots`` the smallest number of slots of a
    TaskManager. Scenarios with equal variants share a cluster.

    ``breakable`` runs kill and pause its processes, which no run of another process may feel. With
    ``high_availability`` its jobs survive the JobManager; with ``rpc_proxy`` the network between its
    processes can be disturbed.
    """

    options: tuple[tuple[str, str], ...] = ()
    slots: int = 0
    breakable: bool = False
    high_availability: bool = False
    rpc_proxy: bool = False


SESSION_CLUSTER = ClusterVariant()
