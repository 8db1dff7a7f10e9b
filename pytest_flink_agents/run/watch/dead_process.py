"""The cause of an error of a run whose cluster has lost a process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flink_testbed.core.problem import HarnessError, HostError
from pytest_flink_agents.provision.session_clusters import PROCESS_DIED

if TYPE_CHECKING:
    from flink_testbed.flink.cluster import FlinkCluster


@contextmanager
def naming_dead_process(cluster: FlinkCluster) -> Iterator[None]:
    """Raise ``HostError`` FA407 or FA457 in place of an error of the block, if the cluster has died or was ended.

    Every request to such a cluster fails in some way.
    """
    try:
        yield
    except (HostError, HarnessError) as error:
        if error.problems[0].code != PROCESS_DIED:
            cluster.require_alive()
        raise
