"""Images that fit, images that do not, and images that cannot be built."""

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
    """The test's things at the engine."""
    with contextlib.closing(OwnedContainers(connect(), this_owner("a-test"))) as mine:
        yield mine


def test_a_built_image_is_described_by_its_content(
    owned: OwnedContainers, flink_cluster: ContainerCluster, session_environment
) -> None:
    """Named with --flink-image, it fits."""
    found = inspect_image(owned, flink_cluster.image.reference)
    assert found == flink_cluster.image
    assert (found.flink_version, found.flink_agents_version) == (
        session_environment.environment.flink_version,
        session_environment.environment.flink_agents_version,
    )
    require_fit(found, session_environment.environment)


def test_an_image_without_flink_is_refused_with_everything_it_lacks(
    owned: OwnedContainers, base_image: str, session_environment
) -> None:
    with pytest.raises(HostError) as caught:
        require_fit(inspect_image(owned, base_image), session_environment.environment)
    problem = caught.value.problems[0]
    assert problem.code == "FA474"
    assert all(f"no {word}" in problem.seen for word in ("apache-flink", "flink-agents", "Java")), problem.render()


def test_a_failing_build_is_reported_with_its_steps_output_and_leaves_no_tag(
    engine: ContainerEngine, base_image: str, tmp_path: Path
) -> None:
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


def test_an_existing_tag_is_not_built_again(engine: ContainerEngine, base_image: str, tmp_path: Path) -> None:
    """The tag is derived from the content."""
    plan = ImagePlan(base_image, tmp_path / "nowhere", {}, {}, {})
    provide_image(engine, plan, before=lambda: pytest.fail("built"))
