"""The environment of a process that uses Flink's client."""

from __future__ import annotations

import shlex
from pathlib import Path

from pytest_flink_agents.provision.client import client_variables


def test_a_directory_with_a_space_stays_one_option(tmp_path: Path) -> None:
    """PyFlink splits ``JVM_ARGS`` at every space, and Java took the rest of the path for the name of its main class."""
    conf = tmp_path / "my project" / "client"
    variables = client_variables(Path("flink"), Path("java"), conf)
    assert shlex.split(variables["JDK_JAVA_OPTIONS"]) == [f"-Djava.io.tmpdir={conf}"]
    assert all(option.startswith("-") for option in variables["JVM_ARGS"].split())
