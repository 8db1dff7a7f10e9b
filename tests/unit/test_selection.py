"""The scenario files that a session leaves out or overlooks, in a directory with a configuration of pytest's shape."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pytest_flink_agents.gate import Selection
from pytest_flink_agents.selection import selection_of

SCENARIO = "version: '1'\nname: refund\nagent: shop:Refund\ninputs: []\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path.resolve()


def write(root: Path, *names: str, text: str = SCENARIO) -> list[Path]:
    for name in names:
        Path(root, name).parent.mkdir(parents=True, exist_ok=True)
        Path(root, name).write_text(text, encoding="utf-8")
    return [Path(root, name) for name in names]


def selection(root: Path, *collected: str, args: tuple[str, ...] = (".",), deselected: int = 0) -> Selection:
    """Return the selection of ``pytest ARGS``, called in the root directory, that collected these files."""
    config = SimpleNamespace(rootpath=root, args=list(args), invocation_params=SimpleNamespace(dir=root))
    files = {Path(root, name) for name in collected}
    return selection_of(cast(pytest.Config, config), files, deselected=deselected)


def test_a_session_that_collected_every_file_leaves_nothing_out(root: Path) -> None:
    write(root, "a.scenario.yaml", "more/b.scenario.yml")
    assert selection(root, "a.scenario.yaml", "more/b.scenario.yml") == Selection()
    assert selection(root, "a.scenario.yaml", "more/b.scenario.yml", deselected=3) == Selection(deselected=3)


def test_a_link_to_a_scenario_file_that_was_collected_leaves_nothing_out(root: Path) -> None:
    write(root, "a.scenario.yaml", "b.scenario.yaml")
    (root / "link.scenario.yaml").symlink_to("a.scenario.yaml")
    assert selection(root, "a.scenario.yaml", "b.scenario.yaml") == Selection()
    assert selection(root, "b.scenario.yaml").uncollected == ("a.scenario.yaml", "link.scenario.yaml")


def test_a_link_to_a_directory_that_nothing_else_enters_hides_no_scenario(root: Path) -> None:
    write(root, "a.scenario.yaml", ".suites/real/b.scenario.yaml", "plain/c.scenario.yaml")
    (root / "suite").symlink_to(".suites/real")
    (root / "again").symlink_to("plain")
    (root / ".suites" / "real" / "back").symlink_to(root)
    outside = root.with_name(f"{root.name}-outside")
    write(outside, "d.scenario.yaml")
    (root / "outside").symlink_to(outside)
    assert selection(root, "a.scenario.yaml", "plain/c.scenario.yaml").uncollected == ("suite/b.scenario.yaml",)


@pytest.mark.parametrize("name", ["x_scenario.yaml", "scenario.yaml", "X.Scenario.yaml", "refund-scenarios.yml"])
def test_a_file_that_only_looks_like_a_scenario_is_overlooked(name: str, root: Path) -> None:
    write(root, f"more/{name}")
    assert selection(root).uncollected == (f"more/{name}",)


@pytest.mark.parametrize("text", ["", "steps:\n- agent: x\n", "agent: x\n", "# agent:\n# inputs:\n"])
def test_a_file_that_does_not_begin_like_a_scenario_is_none(text: str, root: Path) -> None:
    write(root, "x_scenario.yaml", text=text)
    assert selection(root) == Selection()


def test_a_scenario_file_below_the_root_that_was_ignored_is_overlooked(root: Path) -> None:
    write(root, "a.scenario.yaml", "more/ignored.scenario.yaml")
    assert selection(root, "a.scenario.yaml") == Selection(uncollected=("more/ignored.scenario.yaml",))


def test_environments_caches_and_build_results_hold_no_scenarios_of_the_project(root: Path) -> None:
    write(
        root, ".tox/a.scenario.yaml", "build/a.scenario.yaml", "node_modules/p/a.scenario.yaml", "env/a.scenario.yaml"
    )
    write(root, "env/pyvenv.cfg", "env/bin/python", "pyproject.toml", text="")
    assert selection(root) == Selection()


@pytest.mark.parametrize("folder", ["build", "suite/dist", "old"])
def test_a_directory_that_only_looks_like_a_result_hides_no_scenario(folder: str, root: Path) -> None:
    write(root, "old/pyvenv.cfg", "suite/b.scenario.yaml", f"{folder}/a.scenario.yaml")
    assert selection(root, "suite/b.scenario.yaml").uncollected == (f"{folder}/a.scenario.yaml",)


def test_scenario_files_outside_of_the_directories_asked_for_are_elsewhere(root: Path) -> None:
    write(root, "suite/a.scenario.yaml", "other/b.scenario.yaml", "other/x_scenario.yaml")
    expected = Selection(elsewhere=("other/b.scenario.yaml",))
    assert selection(root, "suite/a.scenario.yaml", args=("suite",)) == expected


def test_a_package_that_was_asked_for_by_name_hides_no_scenario(root: Path) -> None:
    write(root, "shop/suite/a.scenario.yaml", "shop/suite/b.scenario.yaml")
    left_out = selection(root, "shop/suite/a.scenario.yaml", args=("shop.suite",))
    assert left_out == Selection(uncollected=("shop/suite/b.scenario.yaml",))


def test_a_file_on_the_command_line_limits_the_session_only_if_there_are_others(root: Path) -> None:
    write(root, "suite/a.scenario.yaml")
    asked = ("suite/a.scenario.yaml::refund",)
    assert selection(root, "suite/a.scenario.yaml", args=asked) == Selection()
    write(root, "suite/b.scenario.yaml")
    limited = selection(root, "suite/a.scenario.yaml", args=asked)
    assert limited.limits == ("suite/a.scenario.yaml on the command line",)
    assert limited.elsewhere == ("suite/b.scenario.yaml",)


def test_a_pipe_named_like_a_scenario_is_not_opened(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(root / "x_scenario.yaml")
    write(root, "y_scenario.yaml")
    opened: list[str] = []
    path_open = Path.open

    def recorded(path: Path, *args: Any, **named: Any) -> Any:
        opened.append(path.name)
        # Opening the pipe would block this test: nothing writes to it.
        return path_open(path if path.is_file() else Path(os.devnull), *args, **named)

    monkeypatch.setattr(Path, "open", recorded)
    assert selection(root).uncollected == ("y_scenario.yaml",)
    assert opened == ["y_scenario.yaml"]


def test_a_scenario_file_that_is_named_is_a_part_of_the_suite_if_there_are_others(root: Path) -> None:
    write(root, "a.scenario.yaml", "suite/b.scenario.yaml", "test_x.py")
    alone = selection(root, "a.scenario.yaml", args=("a.scenario.yaml",))
    assert alone.limits == ("a.scenario.yaml on the command line",)
    assert selection(root, "suite/b.scenario.yaml", args=("suite", "test_x.py")).limits == ()
    Path(root, "suite/b.scenario.yaml").unlink()
    assert selection(root, "a.scenario.yaml", args=("a.scenario.yaml",)) == Selection()


def test_a_search_that_was_cut_short_limits_the_session(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_flink_agents.selection._MAX_FILES", 2)
    write(root, "1.txt", "2.txt", "3.txt", text="")
    assert selection(root).limits == ("more than 2 files below the root, not all of them searched",)
