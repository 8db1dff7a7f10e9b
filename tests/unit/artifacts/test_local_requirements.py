"""Lines of a requirements file that name a path."""

from __future__ import annotations

from pathlib import Path

import pytest

from flink_testbed.artifacts.local_requirements import (
    built_anew,
    local_requirement,
    local_requirements,
    requirement_lines,
)


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("/lib", "/lib"),
        ("/lib[extra]", "/lib"),
        ("/my lib ; python_version > '3'", "/my lib"),
        ("/lib;python_version>'3'", "/lib"),
        ("/lib # ours", "/lib"),
        ("/lib.whl --hash=sha256:00", "/lib.whl"),
        ("../lib", "../lib"),
        ("shop.whl", "shop.whl"),
        ("libs/shop.whl#sha256=00", "libs/shop.whl"),
        ("shop @ lib", "lib"),
        ("shop @ file:lib", "lib"),
        ("libs/shop", "libs/shop"),
        ("shop @ file:///my%20lib", "/my lib"),
        ("shop[a,b]@file://localhost/lib", "/lib"),
        ("FILE:///lib", "/lib"),
        ("-e /lib", "/lib"),
        ("--editable=/lib", "/lib"),
        ("-rjob.txt", "job.txt"),
        ("--find-links=/wheels", "/wheels"),
    ],
)
def test_a_line_that_names_a_path_is_taken_apart_and_put_together_again(line: str, path: str) -> None:
    found = local_requirement(line)
    assert found is not None
    assert (found.path, str(found)) == (Path(path), line)


@pytest.mark.parametrize(
    "line",
    [
        "shop",
        "shop==1.0; python_version > '3'",
        "shop[a]>=1",
        "shop @ https://example.org/shop.whl",
        "https://example.org/shop.whl",
        "git+file:///shop",
        "--index-url=https://example.org/simple",
        "--pre",
        "",
    ],
)
def test_no_other_line_is(line: str) -> None:
    assert local_requirement(line) is None


def test_directories_are_built_anew_with_their_extras_and_conditions(tmp_path: Path) -> None:
    """Not editable ones, which are links, nor archives, whose cache uv compares by their time."""
    for name in ("lib", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "shop.whl").touch()
    (tmp_path / "job.txt").write_text("./other; python_version > '3'\nother\n")
    lib = tmp_path / "lib"
    lines = [
        "pandas",
        f"-e {lib}",
        f"{lib}[extra]",
        f"{tmp_path}/shop.whl",
        f"{tmp_path}/none",
        f"-r {tmp_path}/job.txt",
    ]
    assert built_anew(lines) == [f"{lib}[extra]", f"{tmp_path}/other; python_version > '3'"]


def test_requirement_lines_are_joined_and_without_comments() -> None:
    text = "# a\npandas==1 \\\n  --hash=sha256:a \\\n  --hash=sha256:b\n\nx==1 # why\ny @ https://e.org/#egg=y\nz \\"
    assert list(requirement_lines(text)) == [
        (2, "pandas==1 --hash=sha256:a --hash=sha256:b"),
        (6, "x==1"),
        (7, "y @ https://e.org/#egg=y"),
        (8, "z"),
    ]


def test_a_file_of_lines_is_read_as_the_installer_reads_it(tmp_path: Path) -> None:
    """With continued lines joined, which hash-checked files have, and without comments."""
    for name in ("lib", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "job.txt").write_text("\ufeff./lib \\\n  --hash=sha256:a\n./other\\\n; python_version > '3'\n# ./lib\n")
    found = list(local_requirements([f"-r {tmp_path}/job.txt"]))
    assert [each.path for each in found] == [tmp_path / name for name in ("job.txt", "lib", "other")]
