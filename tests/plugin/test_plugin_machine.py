"""The machine's faults: told in words, never a pass, never held against the job; nothing is left running."""

from __future__ import annotations

import importlib.util
import sys

import pytest
from plugin_project import Project, lines_of, scenario

GATE = "--flink-gate"


def assert_inconclusive(project: Project, result: pytest.RunResult, *wanted: str) -> None:
    """Exit 10, errors not failures, every scenario counted as not run, the words there, nothing of our source shown."""
    text = lines_of(result)
    verdict = project.verdict()
    assert result.ret == 10
    result.assert_outcomes(errors=2)
    assert (verdict["verdict"], verdict["counts"]["not_run"]) == ("inconclusive", 2)
    assert [reason["rule"] for reason in verdict["reasons"]] == ["could not run", "could not run", "coverage"]
    for words in wanted:
        assert words in text, f"{words!r} not in:\n{text}"
    assert "Traceback" not in text
    assert "raise HostError" not in text
    assert "The above exception" not in text


@pytest.fixture
def two(project: Project) -> Project:
    """A project with two scenarios: the second gets the first one's error, at once."""
    project.scenarios("x", scenario("one"), scenario("two"))
    return project


@pytest.mark.slow
def test_a_cluster_that_is_not_ready_in_time(two: Project):
    """The reason names what was waited for, what was seen, the logs and the option."""
    result = two.run(GATE, "--flink-startup-timeout=0.01", tier="embedded")
    assert_inconclusive(
        two, result, "FA406: waited 0.01 s for", "  seen: ", "read the logs in", "--flink-startup-timeout"
    )


def test_a_job_python_without_flink_agents(two: Project):
    """The harness's own interpreter is no job environment: FA417 names the package that is missing."""
    if importlib.util.find_spec("pyflink"):
        pytest.skip("this interpreter holds Flink")
    result = two.run(GATE, f"--flink-job-python={sys.executable}")
    assert_inconclusive(two, result, "FA417: the job environment lacks apache-flink", "install both in one resolve")


def test_a_cache_that_cannot_be_written(two: Project, monkeypatch: pytest.MonkeyPatch):
    """FA422 names the place and the variable that names another."""
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(two.write("taken", "") / "cache"))
    result = two.run(GATE)
    assert_inconclusive(two, result, "taken/cache", "FA422: cannot write here", "FLINK_AGENTS_TEST_CACHE_DIR")


def test_no_network_at_the_first_run(two: Project, monkeypatch: pytest.MonkeyPatch):
    """FA414 says that only the first run needs a network, and what to do without one; the cache keeps no half of it."""
    for name, folder in (("FLINK_AGENTS_TEST_CACHE_DIR", "cache"), ("UV_CACHE_DIR", "uv-cache")):
        monkeypatch.setenv(name, str(two.path / folder))
    monkeypatch.setenv("UV_OFFLINE", "1")
    result = two.run(GATE)
    assert_inconclusive(two, result, "FA414: no network at first run", "later runs need no", "--flink-job-python")
    shelf = two.path / "cache" / "environments"
    assert [path.name for path in shelf.iterdir() if path.is_dir()] == []


def test_an_agent_that_ends_its_process_fails_its_own_scenario_only(project: Project):
    project.scenarios("x", scenario("leaves", agent="shop:Leaves"), scenario("right"))
    result = project.run(GATE)
    assert result.ret == 1
    result.assert_outcomes(failed=1, passed=1)
    assert "the process ended with exit code 7 while action" in lines_of(result)
    assert "shop:Leaves" in lines_of(result)


def test_no_container_engine(two: Project, monkeypatch: pytest.MonkeyPatch):
    """FA470 names the address that was asked, and the tier that needs no engine."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{two.path}/nobody.sock")
    result = two.run(GATE, tier="container")
    assert_inconclusive(two, result, "nobody.sock: FA470: no container engine answers", "--flink-tier=embedded")


def test_a_container_engine_on_another_machine(two: Project, monkeypatch: pytest.MonkeyPatch):
    """FA475, and nobody there is asked: neither the run folder nor a port of our loopback reaches that far."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://engine.invalid:2375")
    result = two.run(GATE, tier="container")
    assert_inconclusive(two, result, "FA475: the container engine is on another machine", "--flink-tier=remote")
