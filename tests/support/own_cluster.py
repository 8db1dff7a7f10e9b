"""The session's environment with a cluster that belongs to one test."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from flink_testbed.core.directories import cache_root
from flink_testbed.flink.config import ClusterConfig
from flink_testbed.flink.standalone import StandaloneCluster
from pytest_flink_agents.provision.environment import TestEnvironment


class _OwnCluster:
    """A session's environment with another cluster."""

    def __init__(self, session_environment, cluster: StandaloneCluster) -> None:
        self._environment = session_environment
        self._cluster = cluster

    def cluster(self, tier: str = "embedded", variant: object = None) -> StandaloneCluster:
        return self._cluster

    def __getattr__(self, name: str):
        return getattr(self._environment, name)


@contextmanager
def own_cluster(
    session_environment, directory: Path, config: ClusterConfig, python_path: tuple[Path, ...] = ()
) -> Iterator[TestEnvironment]:
    """Start a cluster below ``directory``, until the block ends.

    ``python_path`` is the import path of its workers, by default the session's.
    """
    home = session_environment.flink_home
    cluster = StandaloneCluster(
        dataclasses.replace(home, python_path=python_path or home.python_path),
        config,
        directory=directory,
        ports=cache_root() / "ports",
        archives=cache_root() / "class-archives",
        startup_timeout_s=60,
        environment={},
        progress=lambda line: None,
    )
    cluster.start()
    try:
        yield cast(TestEnvironment, _OwnCluster(session_environment, cluster))
    finally:
        cluster.kill()
