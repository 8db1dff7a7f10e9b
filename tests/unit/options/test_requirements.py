"""The ini value ``flink_requirements``, with the lists of ``pyproject.toml`` and the files that it names."""

from __future__ import annotations

from pathlib import Path

import pytest
from _pytest.config import get_config

from pytest_flink_agents.options import settings_of

_PYPROJECT = """
[project]
name = "Shop.Agents"
dependencies = ["pandas==2.2.3", "shop_agents[wire]"]
[project.optional-dependencies]
wire = ["httpx>=0.28"]
all = ["shop-agents[wire, All]", "orjson"]
[dependency-groups]
job = ["pyarrow>=17 ; python_version < '3.12'", {include-group = "base"}]
base = ["rich", {include-group = "job"}]
wrong = ["not a requirement"]
"""


def _requirements(root: Path, *lines: str, pyproject: str = _PYPROJECT) -> tuple[str, ...]:
    (root / "pytest.ini").write_text("[pytest]\nflink_requirements =\n" + "".join(f"    {line}\n" for line in lines))
    (root / "pyproject.toml").write_text(pyproject)
    config = get_config(["--rootdir", str(root)])
    try:
        config.parse(["--rootdir", str(root), "-c", str(root / "pytest.ini")])
        return settings_of(config).requirements
    finally:
        config._ensure_unconfigure()


def test_without_the_value_a_job_has_only_its_own_requirements(tmp_path: Path) -> None:
    assert _requirements(tmp_path) == ()


def test_project_means_its_dependencies_with_its_own_extras_replaced(tmp_path: Path) -> None:
    assert _requirements(tmp_path, "project") == ("pandas==2.2.3", "httpx>=0.28")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("extra:all", ("httpx>=0.28", "orjson")),
        ("group:job", ("pyarrow>=17 ; python_version < '3.12'", "rich")),
        ("numpy<2", ("numpy<2",)),
    ],
)
def test_extras_groups_and_plain_requirements(line: str, found: tuple[str, ...], tmp_path: Path) -> None:
    assert _requirements(tmp_path, line, line) == found


def test_a_requirements_file_is_read_with_the_files_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "job.txt").write_text("-r base.txt\n./wheels/x.whl\npandas==2 --hash=sha256:00\n")
    (tmp_path / "requirements" / "base.txt").write_text("rich  # why\n-r job.txt\n--index-url https://example.org/s\n")
    assert _requirements(tmp_path, "-r requirements/job.txt") == (
        "rich",
        "--index-url https://example.org/s",
        f"{tmp_path}/wheels/x.whl",
        "pandas==2 --hash=sha256:00",
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "extra:wires",
            r"FA421: there is no extra:wires\n.*\n +seen: +extra:wire, extra:all\n.*did you mean extra:wire\?",
        ),
        ("group:jobs", "there is no group:jobs(\n.*)*did you mean group:job"),
        ("group:wrong", "an invalid requirement(\n.*)*'not a requirement'"),
        ("-r absent.txt", "absent.txt cannot be read: No such file"),
    ],
)
def test_a_list_that_is_missing_or_wrong_is_named(line: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(pytest.UsageError, match=message):
        _requirements(tmp_path, line)


def test_computed_dependencies_are_refused(tmp_path: Path) -> None:
    with pytest.raises(pytest.UsageError, match="computed by its build"):
        _requirements(tmp_path, "project", pyproject='[project]\nname = "x"\ndynamic = ["dependencies"]\n')
