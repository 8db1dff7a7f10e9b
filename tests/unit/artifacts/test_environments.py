"""Requirements of a job environment, and the jars of the upstream engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from flink_testbed.artifacts import environments
from flink_testbed.artifacts.agents_package import (
    content_of,
    digest_of_path,
    flink_agents_requirement,
    upstream_jars,
)
from flink_testbed.artifacts.environments import EnvironmentRequest, plan_environment
from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.core.problem import HostError


def _jar(lib: Path, name: str) -> Path:
    path = lib / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_only_common_jars_and_those_of_the_requested_flink_are_used(tmp_path: Path) -> None:
    wanted = (_jar(tmp_path, "common/c.jar"), _jar(tmp_path, "flink-2.2/t.jar"))
    _jar(tmp_path, "flink-1.20/t.jar")
    assert upstream_jars(tmp_path, "2.2.1") == (wanted, "")


def test_jars_for_another_flink_are_not_used_and_the_reason_says_so(tmp_path: Path) -> None:
    _jar(tmp_path, "common/c.jar")
    _jar(tmp_path, "old.jar")
    jars, reason = upstream_jars(tmp_path, "2.3.0")
    assert jars == ()
    assert "Flink 2.3" in reason


def test_the_single_jar_of_flink_agents_0_1_is_for_1_20(tmp_path: Path) -> None:
    jar = _jar(tmp_path, "flink-agents-dist-0.1.1.jar")
    assert upstream_jars(tmp_path, "1.20.3") == ((jar,), "")


def test_an_install_without_jars_has_no_upstream_engine(tmp_path: Path) -> None:
    assert upstream_jars(tmp_path / "lib", "2.2.1") == ((), "the installed flink-agents holds no jars")


def test_a_rebuilt_jar_in_a_checkout_changes_the_environment(tmp_path: Path) -> None:
    """Build directories do not."""
    jar = _jar(tmp_path, "flink_agents/lib/common/c.jar")
    (tmp_path / "pyproject.toml").touch()
    before = content_of(str(tmp_path))
    _jar(tmp_path, "build/lib/x.py")
    _jar(tmp_path, "env/lib/x.py")
    _jar(tmp_path, "env/pyvenv.cfg")
    assert content_of(str(tmp_path)) == before
    jar.write_bytes(b"new")
    assert content_of(str(tmp_path)) != before


def test_a_source_tree_is_its_python_project(tmp_path: Path) -> None:
    """Other parts of the repository, and what a build adds, make no other environment."""
    project = tmp_path / "python"
    _jar(project, "flink_agents/plan.py")
    (project / "pyproject.toml").touch()
    assert flink_agents_requirement(str(tmp_path)) == f"flink-agents @ {project.as_uri()}"
    assert flink_agents_requirement(str(project)) == f"flink-agents @ {project.as_uri()}"
    before = content_of(str(tmp_path))
    _jar(project, "flink_agents.egg-info/PKG-INFO")
    _jar(tmp_path, "runtime/Operator.java")
    assert content_of(str(tmp_path)) == content_of(str(project)) == before
    (project / "flink_agents" / "plan.py").write_text("x = 1")
    assert content_of(str(tmp_path)) != before


@pytest.mark.parametrize("name", ["build", "dist", "venv"])
def test_a_package_with_the_name_of_a_build_directory_is_content(tmp_path: Path, name: str) -> None:
    (tmp_path / "pyproject.toml").touch()
    module = _jar(tmp_path, f"shop/{name}/agent.py")
    before = digest_of_path(tmp_path)
    module.write_text("x = 1")
    assert digest_of_path(tmp_path) != before


def test_a_local_requirement_is_its_whole_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only upstream's repository has its project in python/."""
    monkeypatch.setattr(environments, "interpreter_for", lambda *_: ("python", "3.11"))
    for name in ("pyproject.toml", "python/pyproject.toml"):
        _jar(tmp_path, name)
    request = EnvironmentRequest(resolve_flink("2.2"), requirements=(f"{tmp_path}[extra]",))
    before = plan_environment(request).key
    _jar(tmp_path, "shop/agents.py")
    assert plan_environment(request).key != before


@pytest.mark.parametrize(
    "line",
    [
        "{lib}",
        "{lib}; python_version > '3'",
        "{lib}[extra];python_version>'3'",
        "shop @ file://{lib}",
        "file://{lib}",
        "-r {lib}/../job.txt",
        "--find-links={lib}",
    ],
)
def test_every_way_to_name_a_directory_makes_its_content_a_part_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setattr(environments, "interpreter_for", lambda *_: ("python", "3.11"))
    lib, further = tmp_path / "lib", tmp_path / "further.txt"
    _jar(lib, "pyproject.toml")
    (tmp_path / "job.txt").write_text("pandas\n-r further.txt\n")
    further.write_text("./lib[extra]\n-r job.txt\n")
    request = EnvironmentRequest(resolve_flink("2.2"), requirements=(line.format(lib=lib),))
    before = plan_environment(request).key
    _jar(lib, "shop/agents.py")
    assert plan_environment(request).key != before


def test_a_mistyped_path_is_not_taken_for_a_version() -> None:
    with pytest.raises(HostError) as caught:
        flink_agents_requirement("dist/flink_agents-0.4.whl")
    assert caught.value.problems[0].code == "FA419"
