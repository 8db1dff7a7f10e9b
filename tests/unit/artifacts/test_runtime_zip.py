"""The bundled runtime as a zip file."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import py_compile
import zipfile
import zipimport
from pathlib import Path
from typing import Any

import pytest

from flink_testbed.artifacts.runtime_zip import provide_runtime_zip


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the runtime's package, which the finder gives without importing it."""
    package = tmp_path / "src" / "flink_agents_runtime"
    (package / "engine").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "engine" / "__init__.py").write_text("x = 1")
    (package / "py.typed").touch()
    spec = importlib.machinery.ModuleSpec("flink_agents_runtime", None, is_package=True)
    spec.submodule_search_locations = [str(package)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(tmp_path / "cache"))
    return package


def test_the_zip_has_only_the_modules_of_the_package_and_their_bytecode(package: Path) -> None:
    with zipfile.ZipFile(provide_runtime_zip()) as archive:
        assert archive.namelist() == [
            "flink_agents_runtime/__init__.py",
            "flink_agents_runtime/__init__.pyc",
            "flink_agents_runtime/engine/__init__.py",
            "flink_agents_runtime/engine/__init__.pyc",
        ]


def test_an_importer_of_the_zip_takes_the_bytecode(package: Path) -> None:
    (package / "__init__.py").write_text("x = 1")
    importer = zipimport.zipimporter(str(provide_runtime_zip()))
    assert importer.get_filename("flink_agents_runtime").endswith(".pyc")
    code = importer.get_code("flink_agents_runtime")
    assert code
    assert code.co_filename == "flink_agents_runtime/__init__.py"


def test_an_importer_of_another_python_version_takes_the_source(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (package / "__init__.py").write_text("x = 1")
    runtime = provide_runtime_zip()
    # After the zip was built: its bytecode is of this version.
    monkeypatch.setattr("_frozen_importlib_external.MAGIC_NUMBER", b"\0\0\r\n")
    assert zipimport.zipimporter(str(runtime)).get_filename("flink_agents_runtime").endswith(".py")


def test_the_bytecode_is_of_the_source_beside_it(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that changes while the zip is built would have the bytecode of its new content."""
    init = package / "__init__.py"
    init.write_text("x = 'packed'")
    read = Path.read_bytes

    def read_and_change(path: Path) -> bytes:
        content = read(path)
        if path == init:
            path.write_text("x = 'changed'")
        return content

    monkeypatch.setattr(Path, "read_bytes", read_and_change)
    importer = zipimport.zipimporter(str(provide_runtime_zip()))
    assert importer.get_source("flink_agents_runtime") == "x = 'packed'"
    code = importer.get_code("flink_agents_runtime")
    assert code
    assert "packed" in code.co_consts


def test_the_bytecode_keeps_assertions(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if this process runs without (`python -O`): the zip is cached for others."""
    (package / "__init__.py").write_text("assert x")
    asked: list[int] = []
    compile_file = py_compile.compile

    def compiled(file: str, target: str, *, optimize: int, **more: Any) -> Any:
        asked.append(optimize)
        return compile_file(file, target, optimize=optimize, **more)

    monkeypatch.setattr(py_compile, "compile", compiled)
    provide_runtime_zip()
    assert set(asked) == {0}


def test_equal_content_gives_equal_bytes(package: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = provide_runtime_zip()
    os.utime(package / "__init__.py", (0, 0))
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(tmp_path / "second"))
    second = provide_runtime_zip()
    assert second.read_bytes() == first.read_bytes()
    (package / "engine" / "__init__.py").write_text("x = 2")
    assert provide_runtime_zip() != second
