"""Many clusters at once, repeatedly, use distinct ports and leave nothing. ``--soak 50``: fifty rounds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from flink_testbed.flink.config import ClusterConfig
from flink_testbed.flink.launched import SCRATCH, LaunchedCluster
from flink_testbed.ownership.process import living
from pytest_flink_agents.provision.environment import TestEnvironment

pytestmark = pytest.mark.slow

AT_ONCE = 4


def started(session_environment: TestEnvironment, directory: Path) -> LaunchedCluster:
    cluster = session_environment.new_cluster(ClusterConfig(slots=1), directory)
    cluster.start()
    return cluster


def listening_in(directory: Path) -> Iterator[str]:
    """Yield each listening process that names the directory, under a guard or not."""
    for connection in psutil.net_connections("tcp"):
        with contextlib.suppress(psutil.Error):
            if connection.status == psutil.CONN_LISTEN and connection.pid:
                command = " ".join(psutil.Process(connection.pid).cmdline())
                if str(directory) in command:
                    yield f"{connection.laddr}: {command}"


def test_four_clusters_at_once_use_distinct_ports_and_leave_no_process_or_scratch(
    session_environment: TestEnvironment, tmp_path: Path, request
) -> None:
    before = set(living())
    session_environment.flink_home  # noqa: B018  made once, before four ask for it
    for number in range(request.config.getoption("--soak")):
        with ThreadPoolExecutor(AT_ONCE) as pool:
            places = [tmp_path / f"{number}-{which}" for which in range(AT_ONCE)]
            clusters = list(pool.map(lambda place: started(session_environment, place), places))
            try:
                assert {cluster.rest.overview()["slots-total"] for cluster in clusters} == {1}
                ports = [{port for _, port in cluster.listening()} for cluster in clusters]  # type: ignore[attr-defined]
                assert len(set.union(*ports)) == sum(map(len, ports)) == 9 * AT_ONCE, f"round {number}: {ports}"
            finally:
                list(pool.map(lambda cluster: cluster.kill(), clusters))
        assert set(living()) == before, f"round {number}"
        assert not list(listening_in(tmp_path)), f"round {number}"
        assert not [path for place in places for path in place.iterdir() if path.name in SCRATCH], f"round {number}"
