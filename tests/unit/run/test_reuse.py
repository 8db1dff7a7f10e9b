"""The digest that must be equal for a cluster to be reused."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flink_testbed.core.problem import HostError
from flink_testbed.flink.config import ClusterConfig
from flink_testbed.flink.home import FlinkHome
from pytest_flink_agents.provision.reuse import ReusedCluster, digest_of_cluster


@pytest.fixture
def home(tmp_path: Path) -> FlinkHome:
    (tmp_path / "project" / "shop").mkdir(parents=True)
    (tmp_path / "project" / "shop" / "agents.py").write_text("x = 1\n")
    (tmp_path / "site-packages").mkdir()
    paths = (tmp_path / "project", tmp_path / "site-packages")
    return FlinkHome(tmp_path / "flink", "2.2.1", tmp_path / "java", "21", tmp_path / "python", paths)


def test_scenarios_and_reports_do_not_change_the_digest(home: FlinkHome) -> None:
    before = digest_of_cluster(home, ClusterConfig())
    (home.python_path[0] / "refund.scenario.yaml").write_text("version: '1'\n")
    (home.python_path[0] / "flink-agents-report").mkdir()
    (home.python_path[0] / "flink-agents-report" / "left.py").write_text("")
    assert digest_of_cluster(home, ClusterConfig()) == before


def test_a_changed_a_touched_and_a_new_module_change_the_digest(home: FlinkHome) -> None:
    seen = {digest_of_cluster(home, ClusterConfig())}
    agents = home.python_path[0] / "shop" / "agents.py"
    agents.write_text("x = 22\n")
    seen.add(digest_of_cluster(home, ClusterConfig()))
    os.utime(agents, (1, 1))
    seen.add(digest_of_cluster(home, ClusterConfig()))
    (agents.parent / "more.py").write_text("")
    seen.add(digest_of_cluster(home, ClusterConfig()))
    assert len(seen) == 4


def test_flink_java_environment_and_configuration_change_the_digest(home: FlinkHome) -> None:
    homes = [home, *(dataclasses.replace(home, **{name: value}) for name, value in CHANGES.items())]
    digests = {digest_of_cluster(one, ClusterConfig()) for one in homes}
    digests |= {
        digest_of_cluster(home, ClusterConfig(slots=2)),
        digest_of_cluster(home, ClusterConfig(flink_options={"a": "b"})),
    }
    assert len(digests) == len(CHANGES) + 3


def test_a_detached_cluster_that_was_abandoned_is_ended_and_names_the_reason(home: FlinkHome, tmp_path: Path) -> None:
    ended: list[str] = []
    detached = SimpleNamespace(
        address="http://127.0.0.1:1", directory=str(tmp_path), version="2.2.1", end=lambda: ended.append("ended")
    )
    cluster = ReusedCluster(cast(Any, detached), cast(Any, None), home, "r")
    assert cluster.abandon("an agent blocks it")
    assert ended == ["ended"]
    with pytest.raises(HostError, match="FA457: the cluster was ended during the run: an agent blocks it"):
        cluster.require_alive()


CHANGES: dict[str, Any] = {
    "flink_version": "2.2.0",
    "java": Path("other"),
    "python": Path("other"),
    "flink_home": Path("other"),
}
