"""Images of Docker Hub come from the mirror that testcontainers is configured with."""

from __future__ import annotations

from typing import Any

import docker.errors
import pytest
from testcontainers.core.config import testcontainers_config

from flink_testbed.containers.engine import ContainerEngine, from_mirror


@pytest.fixture(autouse=True)
def mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testcontainers_config, "hub_image_name_prefix", "mirror.example/hub/")


@pytest.mark.parametrize(
    ("reference", "pulled"),
    [
        ("python:3.11-slim", "mirror.example/hub/python:3.11-slim"),
        ("apache/kafka:4.1.0", "mirror.example/hub/apache/kafka:4.1.0"),
        ("quay.example/kafka:4", "quay.example/kafka:4"),
        ("localhost/kafka:4", "localhost/kafka:4"),
        ("registry:5000/kafka", "registry:5000/kafka"),
        ("kafka@sha256:00", "kafka@sha256:00"),
    ],
)
def test_only_images_of_docker_hub_come_from_the_mirror(reference: str, pulled: str) -> None:
    assert from_mirror(reference) == pulled


class Images:
    """The images of an engine that has none."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.id = "sha256:1"

    def get(self, reference: str) -> Any:
        raise docker.errors.ImageNotFound(reference)

    def pull(self, reference: str) -> Any:
        self.seen.append(reference)
        return self

    def tag(self, repository: str, tag: str) -> None:
        self.seen.append((repository, tag))


class Client:
    def __init__(self) -> None:
        self.images = Images()

    def info(self) -> dict[str, Any]:
        return {}


def test_a_pulled_image_gets_the_name_that_it_was_asked_for() -> None:
    client: Any = Client()
    assert ContainerEngine(client, "unix:///x").require_image("python", progress=lambda _: None) == "sha256:1"
    assert client.images.seen == ["mirror.example/hub/python:latest", ("python", "latest")]
