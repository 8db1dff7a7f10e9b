"""Mounts and images of a cluster of containers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flink_testbed.artifacts.environments import JobEnvironment
from flink_testbed.core.problem import HostError
from flink_testbed.flink.config import ClusterConfig
from flink_testbed.flink.containers import shares_of, with_image_paths
from flink_testbed.flink.image import FlinkImage, require_fit

SITE = Path("/here/venv/lib/python3.11/site-packages")
ENVIRONMENT = JobEnvironment(
    Path("/here/venv/bin/python"), "3.11.7", "2.2.1", "0.3.1", SITE, SITE / "pyflink", (), "", "abc"
)
IMAGE = FlinkImage(
    "an/image:1",
    python="/there/bin/python3",
    python_version="3.11.2",
    java="/there/java/bin/java",
    java_version="21.0.8",
    flink_version="2.2.1",
    flink_home="/there/site-packages/pyflink",
    flink_agents_version="0.3.1",
    site_packages="/there/site-packages",
    classes=("/there/site-packages/pyflink/lib/flink-dist-2.2.1.jar",),
    embeds_python=True,
)


def shared(config: ClusterConfig, run: Path, *roots: Path) -> dict[str, bool]:
    return {str(share.path): share.writable for share in shares_of(config, run, roots, Path(IMAGE.site_packages))}


def test_the_run_folder_is_writable_and_import_roots_are_not(tmp_path: Path) -> None:
    project, zipped = tmp_path / "project", tmp_path / "cache" / "runtime.zip"
    run = project / "reports" / "run"
    found = shared(ClusterConfig(), run, zipped, project, project / "src", run / "in-the-run")
    assert found == {str(zipped): False, str(project): False, str(run): True}
    assert shared(ClusterConfig(), run, run / "in-the-run") == {str(run): True}


def test_state_directories_are_created_and_writable(tmp_path: Path) -> None:
    checkpoints, savepoints = tmp_path / "c", tmp_path / "run" / "s"
    found = shared(ClusterConfig(checkpoints=checkpoints, savepoints=savepoints), tmp_path / "run")
    assert found == {str(tmp_path / "run"): True, str(checkpoints): True}
    # Created here first: a container engine would create missing mount points as root.
    assert checkpoints.is_dir()
    assert savepoints.is_dir()


def test_jars_of_the_environment_are_replaced_by_those_of_the_image() -> None:
    other = Path("/elsewhere/connector.jar")
    config = with_image_paths(ClusterConfig(classes=(SITE / "flink_agents" / "lib" / "a.jar", other)), SITE, IMAGE)
    assert config.classes == (Path("/there/site-packages/flink_agents/lib/a.jar"), other)


def test_jars_of_the_image_are_not_mounted(tmp_path: Path) -> None:
    """There is no such path on this machine: the engine would not create the container."""
    other = Path("/elsewhere/connector.jar")
    config = with_image_paths(ClusterConfig(classes=(SITE / "flink_agents" / "lib" / "a.jar", other)), SITE, IMAGE)
    assert shared(config, tmp_path) == {str(tmp_path): True, str(other): False}


def test_an_image_with_another_patch_release_of_python_fits() -> None:
    require_fit(IMAGE, ENVIRONMENT)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"python_version": "3.12.1"}, "Python 3.12"),
        ({"flink_version": "2.2.0"}, "apache-flink 2.2.0"),
        ({"flink_agents_version": ""}, "no flink-agents"),
        ({"java": "", "java_version": ""}, "no Java"),
        ({"embeds_python": False}, "no Python's shared library"),
    ],
)
def test_an_image_with_other_contents_is_refused_with_the_difference(change: dict[str, Any], word: str) -> None:
    with pytest.raises(HostError) as caught:
        require_fit(replace(IMAGE, **change), ENVIRONMENT)
    problem = caught.value.problems[0]
    assert (problem.code, word in problem.seen) == ("FA474", True), problem.render()
