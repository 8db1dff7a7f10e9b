"""The bridge of thread mode in a job environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from flink_testbed.artifacts.environments import JobEnvironment
from pytest_flink_agents.cli.doctor import probe
from pytest_flink_agents.cli.doctor.bridge import Bridge, judge_bridge, look_at_bridge
from pytest_flink_agents.cli.doctor.facts import Writable
from pytest_flink_agents.cli.doctor.judge import _writable

WHOLE = Bridge("0.5.7", ("pemja_core.cpython-311-x86_64-linux-gnu.so",), ("flink-python-2.2.1.jar",))


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        (WHOLE, "ok", "0.5.7, loaded once"),
        (Bridge("", (), WHOLE.jars), "fail", "not installed"),
        (Bridge("0.5.7", (), WHOLE.jars), "fail", "no native library"),
        (Bridge("0.5.7", WHOLE.libraries, ()), "fail", "flink-python-2.2.1: none"),
        (Bridge("0.5.7", WHOLE.libraries, ("flink-python-2.2.0.jar",)), "fail", "flink-python-2.2.0.jar"),
        (Bridge("0.5.7", WHOLE.libraries, (*WHOLE.jars, "flink-python-2.2.1-x.jar")), "fail", "-x.jar"),
    ],
)
def test_each_part_is_needed(found: Bridge, status: str, words: str) -> None:
    (check,) = judge_bridge("pemja", found, "2.2.1")
    assert (check.status, words in check.seen, bool(check.next_step)) == (status, True, status == "fail")


def test_the_parts_are_found_in_an_environment(tmp_path: Path) -> None:
    packages, home = tmp_path / "site-packages", tmp_path / "site-packages" / "pyflink"
    for directory in (packages / "pemja-0.5.7.dist-info", packages / "pemja", home / "opt"):
        directory.mkdir(parents=True)
    (home / "opt" / "flink-python-2.2.1.jar").touch()
    for python in ("311", "312"):
        (packages / "pemja" / f"pemja_core.cpython-{python}-x86_64-linux-gnu.so").touch()
    environment = JobEnvironment.__new__(JobEnvironment)
    for name, value in {"site_packages": packages, "flink_home": home, "python_version": "3.11.7"}.items():
        object.__setattr__(environment, name, value)
    assert look_at_bridge(environment) == WHOLE


def test_a_directory_that_is_not_writable_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert probe._writable()[0].writable
    (tmp_path / "flink-agents-report").touch()
    assert not probe._writable()[0].writable
    (good, bad) = _writable("", (Writable("a", "/a", True), Writable("b", "/b", False)))
    assert (good.status, bad.status) == ("ok", "warn")
    assert "--flink-report-dir" in bad.next_step
