"""A cluster that several processes use through its owner's broker, over a real socket."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

import pytest

from flink_testbed.core import clock
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.cluster_broker import BrokerAddress, BrokerClient, BrokerServer, ClusterBroker
from flink_testbed.flink.shared_cluster import SharedCluster

pytestmark = pytest.mark.slow


class TimedOut(BaseException):
    """Stands for the exception that pytest-timeout raises from its signal handler."""


@pytest.fixture
def answered() -> threading.Event:
    """Lets the server answer a request for the cluster "slow"."""
    return threading.Event()


@pytest.fixture
def shared(flink_cluster: FlinkCluster, answered: threading.Event, tmp_path: Path) -> Iterator[SharedCluster]:
    address = BrokerAddress(str(tmp_path / "broker" / "s"), b"a key")

    def provide(name: str) -> FlinkCluster:
        if name == "slow":
            answered.wait(60)
        return flink_cluster

    server = BrokerServer(address, ClusterBroker(provide, lambda name: flink_cluster, str))
    cluster = BrokerClient(address).cluster("the session's")
    yield cluster
    cluster.close()
    server.close()


def test_each_thread_gets_the_replies_to_its_own_requests(flink_cluster: FlinkCluster, shared: SharedCluster) -> None:
    here, there = flink_cluster.processes, shared.processes
    assert here is not None
    assert there is not None
    expected = {"prometheus": here.prometheus, "taskmanagers": here.taskmanagers}
    with ThreadPoolExecutor(4) as pool:
        replies = [(name, pool.submit(getattr, there, name)) for _ in range(100) for name in expected]
    assert all(reply.result() == expected[name] for name, reply in replies)


def test_a_request_after_an_interrupted_one_gets_its_own_reply(
    shared: SharedCluster, answered: threading.Event
) -> None:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise TimedOut

    def ask() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        shared._call("open", "slow")

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(TimedOut):
            ask()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    answered.set()
    # The late reply comes before the next request.
    clock.pause(0.5)
    assert shared.processes is not None
    assert shared.processes.taskmanagers == ["taskmanager-0"]


def _no_cluster(name: str) -> FlinkCluster:
    raise LookupError(name)


def test_a_server_closes_although_its_accepting_thread_has_ended(tmp_path: Path) -> None:
    address = BrokerAddress(str(tmp_path / "broker" / "s"), b"a key")
    server = BrokerServer(address, ClusterBroker(_no_cluster, _no_cluster, lambda: "kafka"))
    # The thread ends after this client, as it does if close() comes at the same moment.
    server._closed = True
    assert BrokerClient(address).call("kafka_bootstrap") == "kafka"
    closing = threading.Thread(target=server.close, daemon=True)
    closing.start()
    closing.join(10)
    assert not closing.is_alive()
