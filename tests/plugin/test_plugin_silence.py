"""The plugin has no effect in a project without scenarios."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

import pytest
from plugin_project import Project, scenario

HEAVY = (
    *(
        "pydantic",
        "yaml",
        "requests",
        "rich",
        "psutil",
        "filelock",
        "jmespath",
        "uv",
        "docker",
        "testcontainers",
        "confluent_kafka",
        "jgo",
    ),
    *("pyflink", "flink_agents", "flink_agents_runtime", "flink_testbed", "socketserver"),
    *(
        "pytest_flink_agents.session",
        "pytest_flink_agents.gate",
        "pytest_flink_agents.report",
        "pytest_flink_agents.scenario",
    ),
)
CONFTEST = f"""\
import sys

import pytest


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    loaded = [name for name in {HEAVY!r} if name in sys.modules]
    assert "pytest_flink_agents.plugin" in sys.modules
    with open("loaded.txt", "w") as file:
        file.write(" ".join(loaded))
"""
TIMING = """\
import time, pytest, _pytest.config, _pytest.python, _pytest.terminal
started = time.process_time()
import pytest_flink_agents.plugin
print(time.process_time() - started)
"""


def test_an_unused_plugin_loads_nothing_prints_nothing_and_leaves_nothing(project: Project):
    project.write("test_plain.py", "def test_plain(): pass\n")
    alone = project.run("-p", "no:flink_agents", "-p", "no:cacheprovider", "--no-header", "-q", tier="")
    project.write("conftest.py", CONFTEST)
    result = project.run("-p", "no:cacheprovider", "--no-header", "-q", tier="")
    assert (alone.ret, result.ret) == (0, 0)
    assert [line.partition(" in ")[0] for line in result.outlines] == [
        line.partition(" in ")[0] for line in alone.outlines
    ]
    assert result.errlines == alone.errlines
    assert (project.path / "loaded.txt").read_text() == ""
    ours = [path.name for path in project.path.iterdir() if "flink" in path.name or "report" in path.name]
    assert ours == []


def test_a_local_session_loads_no_client_of_kafka_and_no_server(project: Project):
    project.scenarios("a", scenario("a"))
    # Also imported late, so it must be looked up at the end.
    heavy = ("confluent_kafka", "asyncio", "aiohttp", "docker", "testcontainers", "multiprocessing", "http.client")
    project.write("conftest.py", CONFTEST.replace(repr(HEAVY), repr(heavy)))
    result = project.run("-p", "no:xdist")
    assert result.ret == 0
    assert (project.path / "loaded.txt").read_text() == ""


@pytest.mark.slow
def test_loading_the_plugin_takes_at_most_sixty_milliseconds(tmp_path, record_property):
    """The median of seven imports beside a loaded pytest, with compiled files. Processor time, since the machine may be busy."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(tmp_path)
    measured = [
        float(
            subprocess.run(
                [sys.executable, "-c", TIMING], env=environment, capture_output=True, text=True, check=True
            ).stdout
        )
        for _ in range(8)
    ][1:]
    median_ms = 1000 * statistics.median(measured)
    record_property("plugin_import_ms", round(median_ms, 1))
    assert median_ms <= 60
