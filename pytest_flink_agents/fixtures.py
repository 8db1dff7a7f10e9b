"""Fixtures for tests written in Python. Each needs the session's running parts, made when first asked for."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from flink_testbed.flink.cluster import FlinkCluster
    from flink_testbed.flink.launched import LaunchedCluster
    from flink_testbed.kafka.service import KafkaService
    from flink_testbed.models.server import ModelServer
    from pytest_flink_agents.run.agent_runner import AgentRunner
    from pytest_flink_agents.run.script_run import AgentScript
    from pytest_flink_agents.session import SessionPlan


def _plan(request: pytest.FixtureRequest) -> SessionPlan:
    from pytest_flink_agents.plugin import plan_of

    return plan_of(request.config)


@pytest.fixture(scope="session")
def flink_version(request: pytest.FixtureRequest) -> str:
    """The Flink version of the test, in full (``2.2.1``): with several asked for, the test runs once on each.

    So does every test that asks for a fixture below that runs something.
    """
    from flink_testbed.artifacts.versions import incompatibility

    plan = _plan(request)
    release = getattr(request, "param", plan.releases[0])
    reason = incompatibility(release.line, plan.settings.flink_agents)
    if reason:
        pytest.skip(f"not applicable: {reason}")
    return str(release.version)


@pytest.fixture(scope="session")
def flink_cluster(request: pytest.FixtureRequest, flink_version: str) -> FlinkCluster:
    """The session's cluster, running: the same one that scenarios use, of the first tier asked for that has one."""
    plan = _plan(request)
    return plan.session.workplace(plan.release(flink_version)).cluster(cluster_tier(request))


def cluster_tier(request: pytest.FixtureRequest) -> str:
    """The tier of the session's cluster: the first one asked for that has a cluster, else the embedded one."""
    return next((tier for tier in _plan(request).settings.tiers if tier != "local"), "embedded")


@pytest.fixture
def flink_cluster_logs(request: pytest.FixtureRequest, flink_cluster: FlinkCluster) -> Iterator[None]:
    """Each test that uses the session's cluster has this: what the cluster logs meanwhile is kept with the test.

    An error in it fails the test, unless the marker ``log_allow("pattern")`` explains it. Other fixtures of the test end before.
    """
    from pytest_flink_agents.evidence.model import Evidence
    from pytest_flink_agents.run.log_watch import LogWatch, wrong_in_logs

    plan, tier = _plan(request), cluster_tier(request)
    watch = LogWatch(flink_cluster)
    yield
    errors = watch.collect(plan.folder_of(request.node.nodeid) / "logs")
    evidence = Evidence(tier, flink_cluster.flink_version, engine="", log_errors=errors)
    _require_quiet(wrong_in_logs(evidence, _allowed(request), plan.redactor))


def _allowed(request: pytest.FixtureRequest) -> list[str]:
    """The patterns of the test's markers ``log_allow``."""
    return [pattern for mark in request.node.iter_markers("log_allow") for pattern in mark.args]


def _require_quiet(wrong: list[str]) -> None:
    if wrong:
        allow = (
            'where that is meant to be: @pytest.mark.log_allow("PATTERN"), found in the line or in the trace below it'
        )
        pytest.fail("\n".join([*wrong, allow]), pytrace=False)


@pytest.fixture
def flink_cluster_factory(
    request: pytest.FixtureRequest, flink_version: str
) -> Iterator[Callable[..., LaunchedCluster]]:
    """Start clusters of the test's own, to be broken or asked for in a particular way: they end with the test.

    Takes the fields of ``flink_testbed.flink.config.ClusterConfig`` by name (``taskmanagers=2, slots=1``).
    """
    from flink_testbed.flink.config import ClusterConfig

    plan, tier = _plan(request), cluster_tier(request)
    workplace = plan.session.workplace(plan.release(flink_version))
    with contextlib.ExitStack() as started:

        def start(**fields: Any) -> LaunchedCluster:
            directory = plan.session.directory / "own-clusters" / secrets.token_hex(4)
            cluster = workplace.new_cluster(ClusterConfig(**fields), directory, tier=tier)
            started.callback(cluster.kill)
            cluster.start()
            return cluster

        yield start


@pytest.fixture(scope="session")
def kafka_service(request: pytest.FixtureRequest) -> KafkaService:
    """The session's Kafka, running: a broker of our own, or the one that ``--kafka-bootstrap`` names."""
    return _plan(request).session.kafka


@pytest.fixture
def kafka_topic(request: pytest.FixtureRequest, kafka_service: KafkaService) -> Iterator[str]:
    """The name of a new topic, which is deleted at the test's end. Has one partition, or as many as an indirect parameter says."""
    from flink_testbed.kafka.service import topic_name

    name = topic_name(kafka_service.run_id, request.node.name)
    kafka_service.create_topic(name, partitions=getattr(request, "param", 1))
    yield name
    # The test may have deleted it.
    if name in kafka_service.topics():
        kafka_service.delete_topic(name)


@pytest.fixture(scope="session")
def llm_server(request: pytest.FixtureRequest) -> ModelServer:
    """The session's model server, listening on loopback; open a channel with a script of your own."""
    return _plan(request).session.models


@pytest.fixture
def flink_tier(request: pytest.FixtureRequest) -> str:
    """The tier that the test runs on: a test that asks for it, or for ``agent_runner``, runs once on each tier asked for."""
    return str(request.param)


@pytest.fixture
def agent_runner(request: pytest.FixtureRequest, flink_tier: str, flink_version: str) -> Iterator[AgentRunner]:
    """Run an agent on inputs and get the evidence, in the same way on every tier.

    What the cluster logs as an error meanwhile fails the test, unless the marker ``log_allow("pattern")`` explains it.
    """
    from pytest_flink_agents.run.agent_runner import AgentRunner

    plan = _plan(request)
    runner = AgentRunner(plan.session, plan.release(flink_version), flink_tier, plan.folder_of(request.node.nodeid))
    yield runner
    _require_quiet(runner.wrong_in_logs(_allowed(request)))


@pytest.fixture
def agent_script(request: pytest.FixtureRequest, flink_version: str) -> AgentScript:
    """Run a script that makes an environment of its own, without Flink, and get the evidence."""
    from pytest_flink_agents.run.script_run import AgentScript

    plan = _plan(request)
    return AgentScript(plan.session, plan.release(flink_version), plan.folder_of(request.node.nodeid))
