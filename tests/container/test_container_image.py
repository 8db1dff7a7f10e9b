"""Images: which fit, and what is said of those that do not, or cannot be built."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from flink_testbed.containers.build import ImagePlan, provide_image
from flink_testbed.containers.engine import ContainerEngine, connect
from flink_testbed.containers.owned import OwnedContainers
from flink_testbed.core.problem import HostError
from flink_testbed.flink.containers import ContainerCluster
from flink_testbed.flink.image import inspect_image, require_fit
from flink_testbed.ownership.container_owner import this_owner

pytestmark = pytest.mark.slow


@pytest.fixture
def owned(engine: ContainerEngine) -> Iterator[OwnedContainers]:
    """What a test has at the engine."""
    with contextlib.closing(OwnedContainers(connect(), this_owner("a-test"))) as mine:
        yield mine


def test_the_image_that_was_built_tells_what_is_in_it(
    owned: OwnedContainers, flink_cluster: ContainerCluster, workplace
) -> None:
    """Named with --flink-image it is what it was when we built it, and fits."""
    found = inspect_image(owned, flink_cluster.image.reference)
    assert found == flink_cluster.image
    assert (found.flink_version, found.flink_agents_version) == (
        workplace.environment.flink_version,
        workplace.environment.flink_agents_version,
    )
    require_fit(found, workplace.environment)


def test_an_image_without_flink_does_not_fit(owned: OwnedContainers, base_image: str, workplace) -> None:
    """The base image has Python alone: each thing that it lacks is named."""
    with pytest.raises(HostError) as caught:
        require_fit(inspect_image(owned, base_image), workplace.environment)
    problem = caught.value.problems[0]
    assert problem.code == "FA474"
    assert all(f"no {word}" in problem.seen for word in ("apache-flink", "flink-agents", "Java")), problem.render()


def test_a_build_that_fails_shows_what_was_said(engine: ContainerEngine, base_image: str, tmp_path: Path) -> None:
    """The step's own words are in the error, and no image has the tag."""
    recipe = tmp_path / "Dockerfile"
    recipe.write_text("ARG BASE\nFROM ${BASE}\nCOPY part /part\nRUN echo almost there && cat /part && exit 3\n")
    (tmp_path / "part").write_text("so far so good\n")
    plan = ImagePlan("flink-agents-test/broken:1", recipe, {"BASE": base_image}, {}, {"part": tmp_path / "part"})
    asked: list[str] = []
    with pytest.raises(HostError) as caught:
        provide_image(engine, plan, before=lambda: asked.append("built"))
    problem = caught.value.problems[0]
    assert (problem.code, asked, engine.image_id(plan.tag)) == ("FA472", ["built"], None)
    assert "so far so good" in problem.detail
    # "code: 3" in the words of Docker, "status 3" in those of Podman.
    assert re.search(r"(code:|status) 3\b", problem.seen)


def test_what_is_there_is_not_built_again(engine: ContainerEngine, base_image: str, tmp_path: Path) -> None:
    """A tag that the engine has is taken as it is: it tells its content."""
    plan = ImagePlan(base_image, tmp_path / "nowhere", {}, {}, {})
    provide_image(engine, plan, before=lambda: pytest.fail("built"))
