"""Fixtures for tests written in Python.

Each uses the session's running parts, which start on first use.
"""

from __future__ import annotations

import contextlib
import secrets
import shlex
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from pytest_flink_agents.current import attempt_folder, session_of
from pytest_flink_agents.vocabulary import Tier

if TYPE_CHECKING:
    from flink_testbed.flink.cluster import FlinkCluster
    from flink_testbed.flink.launched import LaunchedCluster
    from flink_testbed.kafka.service import KafkaService
    from flink_testbed.models.server import ModelServer
    from pytest_flink_agents.run.agent_runner import AgentRunner
    from pytest_flink_agents.run.agent_script import AgentScript
    from pytest_flink_agents.run.cross_language import CrossLanguage
    from pytest_flink_agents.run.endpoints import Endpoints


@pytest.fixture(scope="session")
def flink_version(request: pytest.FixtureRequest) -> str:
    """The Flink version of the test, in full (``2.2.1``).

    With several in ``--flink-version`` the test runs once on each.

    So does every test with another fixture that runs something.
    """
    from flink_testbed.artifacts.versions import incompatibility

    session = session_of(request.config)
    release = getattr(request, "param", session.releases[0])
    reason = incompatibility(release.line, session.settings.flink_agents)
    if reason:
        pytest.skip(f"not applicable: {reason}")
    return str(release.version)


@pytest.fixture
def flink_cluster(request: pytest.FixtureRequest, flink_version: str) -> FlinkCluster:
    """The session's running cluster, which scenarios use too.

    It is the cluster of the first selected tier that has one; a new one if the last has died or was ended.
    """
    session = session_of(request.config)
    return session.services.environment(session.release(flink_version)).cluster(cluster_tier(request))


def cluster_tier(request: pytest.FixtureRequest) -> Tier:
    """Return the first selected tier with a cluster, else the embedded one."""
    tiers = session_of(request.config).settings.tiers
    return next((tier for tier in tiers if tier is not Tier.LOCAL), Tier.EMBEDDED)


@pytest.fixture
def flink_cluster_logs(request: pytest.FixtureRequest, flink_cluster: FlinkCluster) -> Iterator[None]:
    """Watch the logs of the session's cluster during a test.

    An error in them fails the test, unless the marker ``log_allow("pattern")`` explains it. The
    fixture is set up first, so that the other fixtures of the test end before it looks.
    """
    from pytest_flink_agents.evidence.model import Evidence
    from pytest_flink_agents.run.watch.logs import LogWatch, wrong_in_logs

    session, tier = session_of(request.config), cluster_tier(request)
    watch = LogWatch(flink_cluster)
    yield
    errors = watch.collect(attempt_folder(request.node) / "logs")
    evidence = Evidence(tier.value, flink_cluster.flink_version, engine="", log_errors=errors)
    _require_quiet(wrong_in_logs(evidence, _allowed(request), session.redactor))


def _allowed(request: pytest.FixtureRequest) -> list[str]:
    """Return the patterns of the test's markers ``log_allow``."""
    return [pattern for mark in request.node.iter_markers("log_allow") for pattern in mark.args]


def _require_quiet(wrong: list[str]) -> None:
    if wrong:
        allow = 'if this is expected, add @pytest.mark.log_allow("PATTERN"): it searches the line and its stack trace'
        pytest.fail("\n".join([*wrong, allow]), pytrace=False)


@pytest.fixture
def flink_cluster_factory(
    request: pytest.FixtureRequest, flink_version: str
) -> Iterator[Callable[..., LaunchedCluster]]:
    """Start clusters for one test, to break or configure them freely.

    They end with the test.

    The function takes the fields of ``ClusterConfig`` by name (``taskmanagers=2, slots=1``).
    """
    from flink_testbed.flink.config import ClusterConfig

    session, tier = session_of(request.config), cluster_tier(request)
    environment = session.services.environment(session.release(flink_version))
    with contextlib.ExitStack() as started:

        def start(**fields: Any) -> LaunchedCluster:
            directory = session.services.directory / "own-clusters" / secrets.token_hex(4)
            cluster = environment.new_cluster(ClusterConfig(**fields), directory, tier=tier)
            started.callback(cluster.kill)
            cluster.start()
            return cluster

        yield start


@pytest.fixture(scope="session")
def kafka_service(request: pytest.FixtureRequest) -> KafkaService:
    """The session's running Kafka.

    The session starts a broker, unless ``--kafka-bootstrap`` names one.
    """
    return session_of(request.config).services.kafka


@pytest.fixture
def kafka_topic(request: pytest.FixtureRequest, kafka_service: KafkaService) -> Iterator[str]:
    """The name of a new topic, deleted when the test ends.

    An indirect parameter sets the number of partitions (1).
    """
    from flink_testbed.kafka.topic_names import topic_name

    name = topic_name(kafka_service.run_id, request.node.name)
    kafka_service.create_topic(name, partitions=getattr(request, "param", 1))
    yield name
    # The test may have deleted it.
    if name in kafka_service.topics():
        kafka_service.delete_topic(name)


@pytest.fixture(scope="session")
def llm_server(request: pytest.FixtureRequest) -> ModelServer:
    """The session's model server, listening on loopback.

    A test opens a channel with its own script.
    """
    return session_of(request.config).services.models


@pytest.fixture
def effects(request: pytest.FixtureRequest) -> Endpoints:
    """Serve endpoints on loopback, and record each call before it is answered.

    For programs that ``agent_runner`` does not start; it has a parameter for its agents.
    """
    from pytest_flink_agents.run.endpoints import Endpoints

    return Endpoints(session_of(request.config).services, attempt_folder(request.node))


@pytest.fixture
def flink_tier(request: pytest.FixtureRequest) -> Tier:
    """The tier that the test runs on.

    A test with this fixture, or with ``agent_runner``, runs once on each tier.
    """
    return Tier(request.param)


@pytest.fixture
def agent_runner(request: pytest.FixtureRequest, flink_tier: Tier, flink_version: str) -> Iterator[AgentRunner]:
    """Run agents on inputs and get the evidence, on every tier alike.

    An error in the cluster's logs fails the test, unless the marker ``log_allow("pattern")``
    explains it.
    """
    from pytest_flink_agents.hooks import project_of_node
    from pytest_flink_agents.options import options_of_run
    from pytest_flink_agents.run.agent_runner import AgentRunner

    session = session_of(request.config)
    options = options_of_run(session.settings, flink_tier)
    runner = AgentRunner(
        session.services,
        session.release(flink_version),
        flink_tier,
        attempt_folder(request.node),
        project=project_of_node(request.node, session.settings),
        again=shlex.join(["pytest", request.node.nodeid, f"--flink-version={flink_version}", *options]),
    )
    yield runner
    _require_quiet(runner.wrong_in_logs(_allowed(request)))


@pytest.fixture
def cross_language(request: pytest.FixtureRequest, flink_version: str) -> CrossLanguage:
    """Read plans and configurations by upstream's classes in Java and in Python.

    The test does not apply if the installed flink-agents has no jars for this Flink.
    """
    from pytest_flink_agents.run.cross_language import CrossLanguage

    session = session_of(request.config)
    environment = session.services.environment(session.release(flink_version))
    if not environment.environment.upstream_jars:
        pytest.skip(f"not applicable: {environment.environment.upstream_reason}")
    return CrossLanguage(environment)


@pytest.fixture
def agent_script(request: pytest.FixtureRequest, flink_version: str) -> AgentScript:
    """Run scripts that create their own agents environment, without Flink."""
    from pytest_flink_agents.run.agent_script import AgentScript

    session = session_of(request.config)
    return AgentScript(session.services, session.release(flink_version), attempt_folder(request.node))
