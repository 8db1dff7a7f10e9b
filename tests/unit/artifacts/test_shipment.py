"""The files of a project that are shipped with a job."""

from __future__ import annotations

from pathlib import Path

import pytest

from flink_testbed.artifacts import shipment
from flink_testbed.artifacts.shipment import provide_shipment
from flink_testbed.core.problem import HostError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a package, and with what usually lies around one."""
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(tmp_path / "cache"))
    root = tmp_path / "shop"
    for name in (
        "conftest.py",
        "shop/agents.py",
        "shop/prompts/refund.txt",
        "shop/__pycache__/agents.cpython-311.pyc",
        "shop/old.pyc",
        ".git/config.py",
        ".env",
        "venv/pyvenv.cfg",
        "venv/lib/module.py",
        "node_modules/x.py",
        "flink-agents-report/latest/summary.md",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")
    return root


def shipped(root: Path) -> list[str]:
    found = provide_shipment(root)
    assert found.name == root.name
    return sorted(path.relative_to(found).as_posix() for path in found.rglob("*") if path.is_file())


def test_sources_and_small_data_files_are_shipped(project: Path) -> None:
    """No environments, version control, hidden or compiled files, and no reports."""
    assert shipped(project) == ["conftest.py", "shop/agents.py", "shop/prompts/refund.txt"]


def test_the_size_limit_of_a_file_is_not_for_python_files(project: Path) -> None:
    (project / "shop" / "orders.jsonl").write_bytes(b" " * (1024 * 1024 + 1))
    (project / "shop" / "table.py").write_bytes(b" " * (1024 * 1024 + 1))
    assert "shop/table.py" in shipped(project)
    assert "shop/orders.jsonl" not in shipped(project)


def test_equal_content_gives_the_same_copy(project: Path) -> None:
    first = provide_shipment(project)
    assert provide_shipment(project) == first
    (project / "shop" / "agents.py").write_text("x = 2\n")
    second = provide_shipment(project)
    assert second != first
    assert (second / "shop" / "agents.py").read_text() == "x = 2\n"


def test_a_project_that_is_too_large_is_refused_with_its_largest_parts(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipment, "_MAX_TOTAL", 1024 * 1024)
    (project / "generated").mkdir()
    (project / "generated" / "tables.py").write_bytes(b" " * (3 * 1024 * 1024))
    with pytest.raises(HostError, match="FA426") as caught:
        provide_shipment(project)
    assert caught.value.problems[0].seen == "3 MiB: generated 3 MiB, shop 0 MiB, conftest.py 0 MiB"
