"""What a job environment is made from, and which jars of it count."""

from __future__ import annotations

from pathlib import Path

import pytest

from flink_testbed.artifacts import environments
from flink_testbed.artifacts.environments import upstream_jars
from flink_testbed.core.problem import HostError


def _jar(lib: Path, name: str) -> Path:
    path = lib / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_only_the_jars_of_the_wanted_flink_count(tmp_path: Path) -> None:
    """A package with jars for several Flinks gives the common ones and those of the one asked for."""
    wanted = (_jar(tmp_path, "common/c.jar"), _jar(tmp_path, "flink-2.2/t.jar"))
    _jar(tmp_path, "flink-1.20/t.jar")
    assert upstream_jars(tmp_path, "2.2.1") == (wanted, "")


def test_jars_for_another_flink_are_no_engine(tmp_path: Path) -> None:
    """Common jars alone, or an old single jar on Flink 2, run nothing; the reason names the Flink."""
    _jar(tmp_path, "common/c.jar")
    _jar(tmp_path, "old.jar")
    jars, reason = upstream_jars(tmp_path, "2.3.0")
    assert jars == ()
    assert "Flink 2.3" in reason


def test_the_single_jar_of_old_releases_is_for_1_20(tmp_path: Path) -> None:
    """flink-agents 0.1 bundles one jar, which runs on Flink 1.20."""
    jar = _jar(tmp_path, "flink-agents-dist-0.1.1.jar")
    assert upstream_jars(tmp_path, "1.20.3") == ((jar,), "")


def test_no_jars_at_all_is_told(tmp_path: Path) -> None:
    """An install without jars has no upstream engine, and says why."""
    assert upstream_jars(tmp_path / "lib", "2.2.1") == ((), "the installed flink-agents holds no jars")


def test_a_checkout_is_known_by_all_its_files(tmp_path: Path) -> None:
    """A jar rebuilt in a source directory makes another environment; what building leaves around does not."""
    jar = _jar(tmp_path, "flink_agents/lib/common/c.jar")
    before = environments._content_of(str(tmp_path))
    _jar(tmp_path, "build/lib/x.py")
    assert environments._content_of(str(tmp_path)) == before
    jar.write_bytes(b"new")
    assert environments._content_of(str(tmp_path)) != before


def test_a_mistyped_path_is_not_taken_for_a_version() -> None:
    """``--flink-agents`` of neither a version nor a file says so before anything is installed."""
    with pytest.raises(HostError) as caught:
        environments.flink_agents_requirement("dist/flink_agents-0.4.whl")
    assert caught.value.problems[0].code == "FA419"
