"""The container engine, and things at it that belong to others."""

from __future__ import annotations

import platform
import secrets
from collections.abc import Callable, Iterator

import pytest
from docker.models.containers import Container

from flink_testbed.containers.build import default_base
from flink_testbed.containers.engine import ContainerEngine, connect
from flink_testbed.containers.labelled import everything_labelled
from pytest_flink_agents.current import session_of

# The socket check applies here too: everything listens on loopback only.
from tests.integration.conftest import only_loopback, own_cache, run_request, session_environment, session_tier

__all__ = ["only_loopback", "own_cache", "run_request", "session_environment", "session_tier"]


@pytest.fixture(scope="session", autouse=True)
def container_tier(request: pytest.FixtureRequest) -> None:
    """Skip unless the container tier is selected."""
    if "container" not in session_of(request.config).settings.tiers:
        pytest.skip("run them with: make test-container")


@pytest.fixture(scope="session")
def engine() -> Iterator[ContainerEngine]:
    """The engine that answers."""
    engine = connect()
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def base_image(request: pytest.FixtureRequest, engine: ContainerEngine) -> str:
    """A small image with Python."""
    reference = session_of(request.config).settings.flink_base_image or default_base(platform.python_version())
    engine.require_image(reference, progress=print)
    return reference


@pytest.fixture
def stranger(engine: ContainerEngine, base_image: str) -> Iterator[Container]:
    """A container, network and volume of another owner, with similar names and labels."""
    name = f"flink-agents-{secrets.token_hex(4)}"
    labels = {"pytest-flink-agents": "somebody's", "pytest-flink-agents.run": "somebody's"}
    client = engine.client
    network = client.networks.create(f"{name}-net", labels=labels)
    volume = client.volumes.create(f"{name}-vol", labels=labels)
    container = client.containers.run(
        base_image, ["sleep", "infinity"], name=f"{name}-jobmanager", labels=labels, network=network.name, detach=True
    )
    yield container
    for thing in (container, network, volume):
        thing.reload()
    container.remove(force=True)
    network.remove()
    volume.remove()


@pytest.fixture
def left_of(engine: ContainerEngine) -> Callable[[int], list[str]]:
    """Return the names of a process's containers, networks and volumes."""

    def look(pid: int) -> list[str]:
        return [thing.name for thing in everything_labelled(engine) if thing.owner.pid == pid]

    return look
