"""Java sources as jars of the cache, with a compiler that is only recorded."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flink_testbed.artifacts import java_classes
from flink_testbed.artifacts.java_classes import provide_classes
from flink_testbed.core.problem import HostError

Compile = Callable[[dict[str, str]], Path]


@pytest.fixture
def commands() -> list[Sequence[str]]:
    return []


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commands: list[Sequence[str]]) -> Compile:
    """Return a function that provides classes; the compiler writes a class file for each source."""
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(java_classes, "provide_jars", lambda jars, progress: (tmp_path / "ecj.jar",))

    def run(command: Sequence[str], *, cwd: Path, **_: Any) -> Any:
        commands.append(command)
        sources = [Path(part) for part in command if part.endswith(".java")]
        if any("wrong" in source.read_text() for source in sources):
            return SimpleNamespace(returncode=1, output="1. ERROR in Pay.java (at line 1)")
        for source in sources:
            file = cwd / "classes" / source.relative_to(cwd / "sources").with_suffix(".class")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"\xca\xfe\xba\xbe")
        return SimpleNamespace(returncode=0, output="")

    monkeypatch.setattr(java_classes, "run_guarded", run)
    needed = tmp_path / "flink-dist.jar"
    needed.touch()
    return lambda sources: provide_classes(sources, [needed], tmp_path / "java", progress=lambda _: None)


def test_sources_are_compiled_once(compiled: Compile, commands: list[Sequence[str]], tmp_path: Path) -> None:
    jar = compiled({"shop/Pay.java": "class Pay {}"})
    assert compiled({"shop/Pay.java": "class Pay {}"}) == jar
    assert zipfile.ZipFile(jar).namelist() == ["shop/Pay.class"]
    (command,) = commands
    assert command[:3] == [str(tmp_path / "java"), "-jar", str(tmp_path / "ecj.jar")]
    assert str(tmp_path / "flink-dist.jar") in command


def test_other_sources_have_another_jar_with_another_name(compiled: Compile) -> None:
    """Flink keeps one jar of a name for a job."""
    first, second = (compiled({"shop/Pay.java": text}) for text in ("class Pay {}", "class Pay { int a; }"))
    assert first.name != second.name


def test_what_the_compiler_rejects_is_shown(compiled: Compile) -> None:
    with pytest.raises(HostError, match=r"FA458: shop/Pay\.java cannot be compiled(?s:.*)at line 1"):
        compiled({"shop/Pay.java": "wrong"})
