"""SIGKILL of pytest at random moments, with its cluster and its Kafka in containers."""

from __future__ import annotations

from pathlib import Path

import pytest
from docker.models.containers import Container

from flink_testbed.containers.engine import ContainerEngine
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.kafka.service import KafkaService
from flink_testbed.ownership.session_record import SOCKETS, records
from tests.support.pytest_sessions import wait_for
from tests.support.random_kills import kill_at_moments, swept

pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("own_cache")
def test_sigkill_at_any_moment_leaves_nothing_at_the_engine(
    tmp_path: Path,
    engine: ContainerEngine,
    flink_cluster: FlinkCluster,
    kafka_service: KafkaService,
    stranger: Container,
    left_of,
    capsys,
    request: pytest.FixtureRequest,
) -> None:
    """Six random moments (``--soak 17``: a hundred) between the start of a session and its end.

    Ten seconds later it has no container, network or volume, and no socket here. Another owner's
    container, network and volume with similar names are still there, and so are those of this
    living session.
    """

    def look(pid: int) -> None:
        assert wait_for(lambda: not left_of(pid), 10), left_of(pid)
        sockets = [Path(name) for record in records() if record.owner.pid == pid for name in record.named(SOCKETS)]
        assert wait_for(lambda: not any(path.exists() for path in sockets), 10), sockets

    kill_at_moments(
        6 * request.config.getoption("--soak"),
        tmp_path,
        lambda number: ["--flink-tier=local", "--flink-tier=container"],
        at_once=2,
        look=look,
    )
    stranger.reload()
    assert stranger.status == "running"
    name = str(stranger.name).removesuffix("-jobmanager")
    assert engine.client.networks.get(f"{name}-net").containers == [stranger]
    assert engine.client.volumes.get(f"{name}-vol")
    flink_cluster.require_alive()
    kafka_service.require_alive()
    assert kafka_service.live_brokers() == 1
    assert not {left["kind"] for left in swept(capsys)} & {"container", "network", "volume", "process"}
