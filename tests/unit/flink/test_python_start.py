"""The first module that an interpreter of a TaskManager imports."""

from __future__ import annotations

import importlib.util
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flink_testbed.flink import standalone

START = Path(standalone.__file__).with_name("python_start")
LOOKS_FOR = "try:\n    import {}\n    found = True\nexcept ImportError:\n    found = False\n"
PACKAGES = {
    "pyflink": "",
    "pyflink/fn_execution": LOOKS_FOR.format("apache_beam"),
    "apache_beam": LOOKS_FOR.format("pandas"),
    "pandas": "",
}
INSIDE_A_JVM, A_PROGRAM = [""], ["-m", "program"]
A_WORKER = ["-m", "pyflink.fn_execution.beam.beam_boot"]


@pytest.fixture(name="packages")
def packages_fixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put packages with the names of the real ones on the path, and forget what a test imports."""
    for name, text in PACKAGES.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(text)
    monkeypatch.setattr(sys, "path", [str(START), str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def started(monkeypatch: pytest.MonkeyPatch, argv: list[str]) -> None:
    # As Python sets them before the module of "-m" is known.
    monkeypatch.setattr(sys, "argv", argv[:1])
    monkeypatch.setattr(sys, "orig_argv", ["python", *argv])
    spec = importlib.util.spec_from_file_location("sitecustomize", START / "sitecustomize.py")
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


@pytest.mark.usefixtures("packages")
def test_an_interpreter_inside_a_jvm_leaves_beam_out_until_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    started(monkeypatch, INSIDE_A_JVM)
    assert not importlib.import_module("pyflink.fn_execution").found
    assert importlib.import_module("apache_beam").__name__ == "apache_beam"


def test_the_package_has_its_own_loader_and_data(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (packages / "pyflink" / "fn_execution" / "table.txt").write_text("data")
    started(monkeypatch, INSIDE_A_JVM)
    package = importlib.import_module("pyflink.fn_execution")
    assert package.__spec__ is not None
    assert package.__loader__ is package.__spec__.loader
    assert pkgutil.get_data("pyflink.fn_execution", "table.txt") == b"data"


@pytest.mark.usefixtures("packages")
def test_a_worker_has_beam_but_leaves_pandas_out_until_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    started(monkeypatch, A_WORKER)
    assert importlib.import_module("pyflink.fn_execution").found
    assert not importlib.import_module("apache_beam").found
    assert importlib.import_module("pandas").__name__ == "pandas"


@pytest.mark.usefixtures("packages")
def test_another_program_keeps_pyflinks_way(monkeypatch: pytest.MonkeyPatch) -> None:
    started(monkeypatch, A_PROGRAM)
    assert importlib.import_module("pyflink.fn_execution").found
    assert importlib.import_module("apache_beam").found


@pytest.mark.usefixtures("packages")
def test_beam_that_is_already_imported_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    started(monkeypatch, INSIDE_A_JVM)
    beam = importlib.import_module("apache_beam")
    assert importlib.import_module("pyflink.fn_execution").found
    assert sys.modules["apache_beam"] is beam


def test_beam_comes_back_after_a_package_that_fails(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (packages / "pyflink" / "fn_execution" / "__init__.py").write_text("raise RuntimeError('no')\n")
    started(monkeypatch, INSIDE_A_JVM)
    with pytest.raises(RuntimeError):
        importlib.import_module("pyflink.fn_execution")
    importlib.import_module("apache_beam")


@pytest.mark.parametrize("argv", [INSIDE_A_JVM, A_WORKER, A_PROGRAM])
def test_a_module_of_the_same_name_runs_too(packages: Path, monkeypatch: pytest.MonkeyPatch, argv: list[str]) -> None:
    """That of the project, or of the interpreter's installation."""
    (packages / "sitecustomize.py").write_text("import sys\nsys.flink_agents_seen = True\n")
    monkeypatch.setattr(sys, "flink_agents_seen", False, raising=False)
    started(monkeypatch, argv)
    assert sys.flink_agents_seen  # type: ignore[attr-defined]
