"""A cluster that several processes use, by way of its owner's desk. The session's own cluster, over a real socket."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.cluster_broker import BrokerAddress, BrokerClient, BrokerServer, ClusterBroker

pytestmark = pytest.mark.slow


def test_each_thread_gets_the_answers_to_its_own_questions(flink_cluster: FlinkCluster, tmp_path: Path) -> None:
    """One that waits for a job while another asks for addresses was seen to get the other's answer."""
    address = BrokerAddress(str(tmp_path / "desk" / "s"), b"a key")
    server = BrokerServer(address, ClusterBroker(lambda name: flink_cluster, str))
    wanted = {"prometheus": flink_cluster.processes.prometheus, "taskmanagers": flink_cluster.processes.taskmanagers}
    try:
        shared = BrokerClient(address).cluster("the session's")
        with ThreadPoolExecutor(4) as pool:
            asked = [(word, pool.submit(getattr, shared, word)) for _ in range(100) for word in wanted]
        assert all(answer.result() == wanted[word] for word, answer in asked)
        shared.close()
    finally:
        server.close()
