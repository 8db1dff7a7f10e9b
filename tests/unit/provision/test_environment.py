"""What a session says of an environment on which perhaps nothing has run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.flink.config import ClusterConfig
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.provision.job_parts import JobParts
from pytest_flink_agents.provision.tiers import CLUSTER_PROVIDERS
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import Tier


class Started(Exception):
    """What a part raises here in place of its start."""


@pytest.fixture(name="early")
def early_fixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestEnvironment:
    """Return an environment of which the local worker was started early."""

    def start(*_: object) -> None:
        raise Started

    monkeypatch.setattr(JobParts, "has_environment", True)
    for name in ("facts", "digests"):
        monkeypatch.setattr(JobParts, name, lambda _: {"engine": "bundled"})
    monkeypatch.setattr(TestEnvironment, "_started_worker", lambda _: None)
    monkeypatch.setattr(TestEnvironment, "job_environment_variables", start)
    monkeypatch.setattr(TestEnvironment, "environment", property(start))
    for name in ("new_cluster", "session_cluster"):
        monkeypatch.setattr(type(CLUSTER_PROVIDERS[Tier.EMBEDDED]), name, start)
    settings = Settings(root=tmp_path, python_path=())
    environment = TestEnvironment(
        settings, resolve_flink("2.2"), (), run_id="r", directory=tmp_path, progress=lambda _: None
    )
    environment.start_worker_early()
    return environment


def test_an_environment_that_was_only_started_early_is_no_part_of_the_session(early: TestEnvironment) -> None:
    assert (early.facts(), early.digests()) == ({}, {})


@pytest.mark.parametrize(
    "use",
    [
        lambda parts: parts.cluster(),
        lambda parts: parts.new_cluster(ClusterConfig(), Path("c")),
        lambda parts: parts.client_process(["program"], name="client"),
    ],
    ids=["cluster", "own cluster", "client"],
)
def test_one_that_a_job_may_have_used_is(early: TestEnvironment, use: Callable[[TestEnvironment], object]) -> None:
    """Also if its cluster was handed over to a later session before the facts are read."""
    with pytest.raises(Started):
        use(early)
    assert (early.facts(), early.digests()) == ({"engine": "bundled"},) * 2
